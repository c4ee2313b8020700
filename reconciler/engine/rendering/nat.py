"""The kernel's share of the balancing, as input for `iptables-restore --noflush`.

What is here: DNS and TCP of the service range on their way to dnsmasq and HAProxy; UDP; and TCP from outside
to services whose policy Local promises the client's address. Naming a chain in the file empties it, so it is
replaced as one. Rules are flat: a chain a service would outlive the service.

A pod answers another pod straight over the pod network, past the address that was asked; so whatever a pod
asks through the kernel is masqueraded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.engine.rendering.dns import DNS_PORT
from reconciler.engine.rendering.frontends import SERVICES_PORT, gateway
from reconciler.engine.rendering.lines import lines
from reconciler.engine.rendering.slots import live
from reconciler.model.base import Value
from reconciler.model.traffic import Endpoint, NodeTraffic, RoutedPort, RoutedService

CHAIN = "RECONCILER-SVC"
POST = "RECONCILER-POST"
MARK = "0x4000/0x4000"


class Door(Value):
    """One way into the kernel's balancing: an address (empty: each of the node's own) and a port number."""

    service: RoutedService
    port: RoutedPort
    address: str
    number: int
    outside: bool
    sources: tuple[str, ...] = ()


def nat(traffic: NodeTraffic) -> str:
    to_haproxy = f"{gateway(traffic)}:{SERVICES_PORT}"
    rules = [
        "*nat",
        f":{CHAIN} - [0:0]",
        f":{POST} - [0:0]",
        *_name_server(traffic),
        *(line for door in doors(traffic) for line in _balance(traffic, door)),
        f"-A {CHAIN} -d {traffic.service_range} -p tcp -j DNAT --to-destination {to_haproxy}",
        f"-A {POST} -m mark --mark {MARK} -j MASQUERADE",
        "COMMIT",
    ]
    return lines(rules)


def doors(traffic: NodeTraffic) -> Iterator[Door]:
    """UDP all of it; TCP only from outside, with policy Local."""
    for service in traffic.services:
        for port in service.ports:
            udp = port.protocol == "UDP"
            if udp and service.ip:
                yield Door(service=service, port=port, address=service.ip, number=port.port, outside=False)
            if not (udp or service.external_local):
                continue
            if port.node_port:
                yield Door(service=service, port=port, address="", number=port.node_port, outside=True)
            for address in service.addresses:
                yield Door(
                    service=service,
                    port=port,
                    address=address,
                    number=port.port,
                    outside=True,
                    sources=service.source_ranges,
                )


def _name_server(traffic: NodeTraffic) -> Iterator[str]:
    for protocol in ("udp", "tcp"):
        yield (
            f"-A {CHAIN} -d {traffic.dns} -p {protocol} --dport 53"
            f" -j DNAT --to-destination {gateway(traffic)}:{DNS_PORT}"
        )


def _balance(traffic: NodeTraffic, door: Door) -> Iterator[str]:
    match = _match(traffic, door)
    allowed = f"-s {','.join(door.sources)} {match}" if door.sources else match
    everywhere = live(door.service, door.port)
    here = tuple(endpoint for endpoint in everywhere if endpoint.node == traffic.node)
    if not door.outside:
        yield from _marked(door, match, here if door.service.internal_local else everywhere)
    elif not door.service.external_local:
        yield from _marked(door, allowed, everywhere)
    else:
        # Pods and the node itself aren't outside: they may have any endpoint (as kube-proxy does it).
        yield from _marked(door, f"{match} -s {traffic.pod_range}", everywhere)
        yield from _marked(door, f"{match} -m addrtype --src-type LOCAL", everywhere)
        yield from _share(door, allowed, here)


def _match(traffic: NodeTraffic, door: Door) -> str:
    protocol = f"-p {door.port.protocol.lower()} --dport {door.number}"
    if not door.address:
        # The node answers for the whole service range, so that is local, too.
        return f"! -d {traffic.service_range} {protocol} -m addrtype --dst-type LOCAL"
    return f"-d {door.address} {protocol}"


def _marked(door: Door, match: str, endpoints: Sequence[Endpoint]) -> Iterator[str]:
    if endpoints:
        yield f"-A {CHAIN} {match} -j MARK --set-xmark {MARK}"
        yield from _share(door, match, endpoints)


def _share(door: Door, match: str, endpoints: Sequence[Endpoint]) -> Iterator[str]:
    """Each rule takes its part of what those before it left over; the last takes the rest."""
    pool = _pool(endpoints)
    seconds = door.service.affinity_seconds
    for endpoint in pool if seconds else ():
        again = f"-m recent --name {_list_name(endpoint)} --update --seconds {seconds} --reap"
        yield f"-A {CHAIN} {match} {again} {_to(endpoint)}"
    left = sum(endpoint.weight for endpoint in pool)
    for endpoint in pool:
        part = ""
        if endpoint is not pool[-1]:
            part = f" -m statistic --mode random --probability {endpoint.weight / left:.8f}"
        noted = f" -m recent --name {_list_name(endpoint)} --set" if seconds else ""
        yield f"-A {CHAIN} {match}{part}{noted} {_to(endpoint)}"
        left -= endpoint.weight


def _pool(endpoints: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """Who gets something new: the ready ones, or else the draining, which are better than nobody."""
    ready = tuple(endpoint for endpoint in endpoints if endpoint.state == "ready")
    return tuple(endpoint for endpoint in ready or endpoints if endpoint.weight)


def _to(endpoint: Endpoint) -> str:
    return f"-j DNAT --to-destination {endpoint.ip}:{endpoint.port}"


def _list_name(endpoint: Endpoint) -> str:
    """The kernel's list of clients that an endpoint has had."""
    return f"reconciler-{endpoint.ip}-{endpoint.port}"
