"""Is a node fit for the fleet's network? What can be told from outside the node container. Changes nothing.

The checks are pure: what they judge was read before, by `neighbours`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

from reconciler.engine.fitness.neighbours import Neighbour
from reconciler.engine.fitness.network_facts import OUR_LINKS, Look
from reconciler.engine.fitness.report import Check
from reconciler.engine.pods.network import out_of_the_way
from reconciler.model import labels
from reconciler.model.fleet import NetworkSpec, NodeSpec

PROXY_PORT, DNS_PORT = 15000, 15053
"""Where the node container's HAProxy and dnsmasq wait on the node's own pod address."""
VXLAN_HEADER = 50
"""Bytes that VXLAN puts around each packet over IPv4."""
LEAST_MTU = 1280
"""Of a link: with less, what is left for pods is below what IPv4 programs are tested with."""
_NAT = frozenset({"nf_nat", "iptable_nat", "nft_chain_nat"})


def address(spec: NodeSpec, seen: Look, me: Neighbour, others: Iterable[Neighbour]) -> Check:
    """Whether it has one by which the others reach it, of its own."""
    there = list(others)
    if not me.address:
        return Check(
            name="address",
            status="fail" if there else "warn",
            found="it can't be told by which address the other nodes reach it",
            remedy="write it into nodes.yaml as the node's internalIP",
        )
    if twins := [n.name for n in there if n.address == me.address]:
        return Check(
            name="address",
            status="fail",
            found=f"{me.address} is also the address of {', '.join(twins)}",
            remedy="set internalIP of each node in nodes.yaml to an address that the others reach it by",
        )
    if spec.internal_ip and seen.addresses and not seen.link_of(spec.internal_ip):
        return Check(
            name="address",
            status="fail",
            found=f"none of its links has the internalIP {spec.internal_ip}",
            remedy=f"its addresses are {', '.join(a for a, _ in seen.addresses)}; correct it in nodes.yaml",
        )
    unknown = [n.name for n in there if not n.address]
    if unknown:
        return Check(
            name="address",
            status="warn",
            found=f"{me.address}; those of {', '.join(unknown)} aren't known",
            remedy="see what their own checks say",
        )
    return Check(
        name="address", status="ok", found=f"{me.address}, on {seen.link_of(me.address) or 'a link'}"
    )


def link(network: NetworkSpec, me: Neighbour, others: Iterable[Neighbour]) -> Check:
    """Whether the links between the nodes carry the pods' packets with VXLAN's header around them."""
    if not me.mtu:
        return Check(name="link mtu", status="warn", found="the node's shell can't tell its link's MTU")
    least = min([me.mtu, *(n.mtu for n in others if n.mtu)])
    room = least - VXLAN_HEADER
    if network.mtu > room:
        return Check(
            name="link mtu",
            status="fail",
            found=f"spec.network.mtu is {network.mtu}, and a link of {least} bytes carries {room}",
            remedy=f"in nodes.yaml set spec.network.mtu to {room} or less, or leave it out",
        )
    if me.mtu < LEAST_MTU:
        return Check(
            name="link mtu",
            status="warn",
            found=f"only {me.mtu} bytes",
            remedy=f"raise the link's MTU: on the node `ip link set dev ... mtu {LEAST_MTU}` or more",
        )
    smaller = [f"{n.name} {n.mtu}" for n in others if n.mtu and n.mtu < me.mtu]
    if smaller and not network.mtu:
        return Check(
            name="link mtu",
            status="warn",
            found=f"{me.mtu} bytes here, but less elsewhere: {', '.join(smaller)}",
            remedy=f"in nodes.yaml set spec.network.mtu to {room}, so that all pods agree",
        )
    return Check(name="link mtu", status="ok", found=f"{me.mtu} bytes")


def kernel(seen: Look, *, several: bool) -> Check:
    """Whether the kernel has what the node container sets up. `several`: there are other nodes."""
    if not seen.knows_modules:
        return Check(
            name="kernel",
            status="ok",
            found="it can't be told which modules it has; the node container will say what it lacks",
        )
    missing = [] if seen.modules & _NAT else ["iptable_nat"]
    missing += [m for m in ("xt_statistic", "xt_conntrack") if m not in seen.modules]
    missing += ["vxlan"] if several and "vxlan" not in seen.modules else []
    if not missing:
        return Check(name="kernel", status="ok", found=f"NAT{' and VXLAN' if several else ''} can be used")
    return Check(
        name="kernel",
        status="fail",
        found=f"the kernel has no module {', '.join(missing)}",
        remedy="install the package with the rest of its modules (Ubuntu on a Raspberry Pi: "
        "linux-modules-extra-raspi), and after an update of the kernel reboot the node",
    )


def ports(network: NetworkSpec, seen: Look, pod_cidr: str, *, several: bool) -> Check:
    """Whether the ports of a node container to come are free."""
    ours = {"0.0.0.0", str(IPv4Network(pod_cidr)[1]) if pod_cidr else ""}

    def taken(listeners: Iterable[tuple[str, int]], port: int) -> bool:
        return any(number == port and at in ours for at, number in listeners)

    found = [f"TCP {p}" for p in (PROXY_PORT, DNS_PORT) if taken(seen.tcp, p)]
    found += [f"UDP {DNS_PORT}"] if taken(seen.udp, DNS_PORT) else []
    vxlan = several and taken(seen.udp, network.vxlan_port)
    if vxlan or found:
        every = [*found, *([f"UDP {network.vxlan_port} (VXLAN)"] if vxlan else [])]
        other = ", or set spec.network.vxlanPort in nodes.yaml" if vxlan and not found else ""
        return Check(
            name="ports",
            status="fail",
            found=f"something else on the node uses {', '.join(every)}",
            remedy=f"see what it is with `ss -lnptu` on the node and stop it{other}",
        )
    return Check(name="ports", status="ok", found="those of the node container are free")


def ranges(
    network: NetworkSpec,
    seen: Look,
    docker: Iterable[dict[str, Any]],
    fleet_name: str,
    info: Mapping[str, Any] | None = None,
) -> Check:
    """Whether pods' and services' addresses are nobody else's. `docker` is what GET /networks answers, `info`
    what GET /info does.
    """
    wanted = (("pod", network.pod_cidr, "podCIDR"), ("service", network.service_cidr, "serviceCIDR"))
    taken = list(_taken(seen, docker, fleet_name))
    for kind, cidr, field in wanted:
        ours = IPv4Network(cidr)
        for there, what, remedy in taken:
            if there.overlaps(ours):
                return Check(
                    name="ranges",
                    status="fail",
                    found=f"the {kind} range {ours} overlaps {what} ({there})",
                    remedy=f"choose another spec.network.{field} in nodes.yaml, or {remedy}",
                )
        for pool in _pools(info or {}):
            if pool.overlaps(ours):
                return Check(
                    name="ranges",
                    status="warn",
                    found=f"the {kind} range {ours} overlaps {pool}, an address pool of the engine",
                    remedy=f"choose another spec.network.{field} in nodes.yaml, or other "
                    "default-address-pools in the node's /etc/docker/daemon.json",
                )
    return Check(
        name="ranges",
        status="ok",
        found=f"pods {network.pod_cidr}, services {network.service_cidr}: nothing else has them",
    )


def _taken(
    seen: Look, docker: Iterable[dict[str, Any]], fleet_name: str
) -> Iterator[tuple[IPv4Network, str, str]]:
    """What is there, what it is in words, and how to get it out of the way. The engine's networks first:
    their routes and addresses are theirs, too.
    """
    for other in docker:
        if (other.get("Labels") or {}).get(labels.FLEET) == fleet_name:
            continue
        for pool in (other.get("IPAM") or {}).get("Config") or []:
            if (subnet := pool.get("Subnet", "")) and ":" not in subnet:
                name = str(other["Name"])
                yield IPv4Network(subnet, strict=False), f'Docker network "{name}"', out_of_the_way(name)
    for route in seen.routes:
        if route.link not in OUR_LINKS and route.to.prefixlen:
            yield route.to, f"the node's route by {route.link or 'no link'}", "remove that route"
    for at, name in seen.addresses:
        if name not in OUR_LINKS:
            yield IPv4Network(at), f"the node's own address on {name}", "give that link another one"


def _pools(info: Mapping[str, Any]) -> Iterator[IPv4Network]:
    """Those that the engine was configured with."""
    for pool in info.get("DefaultAddressPools") or ():
        if (base := str(pool.get("Base", ""))) and ":" not in base:
            yield IPv4Network(base, strict=False)
