"""Every wanted service as a data plane is told it, and its names; only what has changed is made anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from reconciler.decide.network.allocate import Allocation
from reconciler.decide.network.backers import Backer
from reconciler.decide.network.behind import in_order
from reconciler.decide.network.ingress import Doors
from reconciler.decide.network.memo import Backers, Routed
from reconciler.decide.network.names import names_of
from reconciler.decide.network.published import Published
from reconciler.decide.network.route import routed
from reconciler.model.meta import Key
from reconciler.model.service import Service
from reconciler.model.traffic import RoutedPort, RoutedService

NOBODY: Backers = {}


def routed_services(
    services: Mapping[Key, Service],
    backers: Mapping[Key, Backers],
    by_hand: Mapping[Key, tuple[Backer, ...]],
    allocation: Allocation,
    doors: Doors,
    domain: str,
    before: Mapping[Key, Routed],
) -> dict[Key, Routed]:
    node_ports: dict[Key, dict[tuple[int, str], int]] = {}
    for (key, port, protocol), number in allocation.ports.items():
        node_ports.setdefault(key, {})[port, protocol] = number
    found: dict[Key, Routed] = {}
    for key, service in services.items():
        fresh = Routed(
            service=service,
            by_owner=backers.get(key) or NOBODY,
            by_hand=by_hand.get(key, ()),
            ip=allocation.ips.get(key, ""),
            node_ports=node_ports.get(key, {}),
            led=key in doors.led,
        )
        old = before.get(key)
        found[key] = old if old is not None and old.from_same(fresh) else _made(fresh, domain, old)
    return found


def _made(fresh: Routed, domain: str, old: Routed | None) -> Routed:
    service = fresh.service
    backers = fresh.by_hand or tuple(in_order(fresh.by_owner))
    names = names_of(service, fresh.ip, backers, domain)
    route = routed(service, fresh.ip, fresh.node_ports, backers) if fresh.ip or _door(fresh) else None
    if old is not None:
        route = old.route if old.route == route else route
        names = old.names if old.names == names else names
    return msgspec.structs.replace(fresh, route=route, names=names)


def _door(fresh: Routed) -> bool:
    """A headless service that an Ingress leads to."""
    return fresh.led and fresh.service.headless


def with_unseen(
    services: Iterable[RoutedService], published: Published, unseen: set[str]
) -> list[RoutedService]:
    """The same, also with the endpoints on nodes that nobody has looked into yet: as they were published."""
    made = []
    for service in services:
        before = published.service(service.namespace, service.name)
        ports = tuple(_with(port, before, unseen) for port in service.ports)
        made.append(service if ports == service.ports else msgspec.structs.replace(service, ports=ports))
    return made


def _with(port: RoutedPort, before: RoutedService | None, unseen: set[str]) -> RoutedPort:
    old = next((p for p in before.ports if _same(p, port)), None) if before else None
    names = {e.name for e in port.endpoints}
    more = [e for e in old.endpoints if e.node in unseen and e.name not in names] if old else []
    if not more:
        return port
    both = sorted([*port.endpoints, *more], key=lambda e: (e.name, e.ip))
    return msgspec.structs.replace(port, endpoints=tuple(both))


def _same(one: RoutedPort, other: RoutedPort) -> bool:
    return (one.port, one.protocol) == (other.port, other.protocol)
