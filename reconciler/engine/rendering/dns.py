"""dnsmasq's files: the fleet's names, and what becomes of all others.

Names of the fleet's domain are answered here or not at all, so that a name that isn't there is known at once
(pods ask for `example.org.default.svc.cluster.local` first). Everything else goes to the node's own name
servers.
"""

from __future__ import annotations

from ipaddress import IPv4Network, ip_network

from reconciler.engine.rendering.basis import FOLDER
from reconciler.engine.rendering.frontends import gateway
from reconciler.engine.rendering.lines import lines
from reconciler.model.traffic import NodeTraffic

DNS_PORT = 15053
"""Where the kernel sends DNS, on the node's own address of the pod network: 53 is often taken."""

TTL_SECONDS = 5


def dnsmasq(traffic: NodeTraffic) -> str:
    zones = [traffic.domain, *_reverse(traffic.pod_range), *_reverse(traffic.service_range)]
    settings = [
        f"port={DNS_PORT}",
        f"listen-address={gateway(traffic)}",
        "bind-interfaces",
        "user=dnsmasq",
        "no-hosts",
        f"addn-hosts={FOLDER}/hosts",
        f"addn-hosts={FOLDER}/run/external-hosts",
        *(f"local=/{zone}/" for zone in zones),
        f"local-ttl={TTL_SECONDS}",
        "resolv-file=/etc/resolv.conf",
        "cache-size=1000",
        "dns-forward-max=500",
    ]
    return lines(settings)


def hosts(traffic: NodeTraffic) -> str:
    """In the form of /etc/hosts: an address and one of its names a line."""
    return lines(
        f"{address} {name.name}" for name in traffic.names if not name.target for address in name.addresses
    )


def externals(traffic: NodeTraffic) -> str:
    """ExternalNames, which the node container looks up: a name and its target a line."""
    return lines(f"{name.name} {name.target}" for name in traffic.names if name.target)


def _reverse(network: str) -> list[str]:
    """The reverse zones of a network, whole octets each."""
    found = ip_network(network)
    assert isinstance(found, IPv4Network), network
    length = max(8, -(-found.prefixlen // 8) * 8)
    kept = length // 8
    return [
        ".".join(reversed(str(part.network_address).split(".")[:kept])) + ".in-addr.arpa"
        for part in found.subnets(new_prefix=length)
    ]
