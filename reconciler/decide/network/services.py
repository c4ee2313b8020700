"""Every wanted service as a data plane is told it, and its names; only what has changed is made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from reconciler.decide.delivery.split import AT_INGRESS, Splits
from reconciler.decide.network.allocate import Allocation
from reconciler.decide.network.backers import Backer
from reconciler.decide.network.behind import in_order
from reconciler.decide.network.ingress import Doors
from reconciler.decide.network.memo import Backers, Routed
from reconciler.decide.network.names import names_of
from reconciler.decide.network.published import Published
from reconciler.decide.network.route import Part, routed
from reconciler.decide.network.shared import live_slot, parting, serves, standing_in
from reconciler.decide.network.sound import sound, sound_ones
from reconciler.model.meta import Key
from reconciler.model.service import Service, ServiceSpec
from reconciler.model.traffic import RoutedPort, RoutedService

NOBODY: Backers = {}


def routed_services(
    services: Mapping[Key, Service],
    splits: Splits,
    published: Published,
    backers: Mapping[Key, Backers],
    by_hand: Mapping[Key, tuple[Backer, ...]],
    allocation: Allocation,
    doors: Doors,
    domain: str,
    before: Mapping[Key, Routed],
    caught: Callable[[str, Exception], None],
) -> dict[Key, Routed]:
    """One that raises stays as it was."""
    node_ports: dict[Key, dict[tuple[int, str], int]] = {}
    for (key, port, protocol), number in allocation.ports.items():
        node_ports.setdefault(key, {})[port, protocol] = number
    found: dict[Key, Routed] = {}
    for key, service in [*services.items(), *_at_ingresses(services, splits, doors, before)]:
        old = before.get(key)
        try:
            behind = backers.get(_selecting(key)) or NOBODY
            split = standing_in(splits.services.get(key), in_order(behind))
            told = published.everywhere(key.namespace, key.name) if split is not None and split.only else []
            fresh = Routed(
                service=service,
                by_owner=behind,
                by_hand=by_hand.get(key, ()),
                ip=allocation.ips.get(key, ""),
                node_ports=node_ports.get(key, {}),
                led=key in doors.led,
                split=split,
                live=live_slot(split, in_order(behind), told),
                parting=parting(split, in_order(behind), told),
            )
            found[key] = old if old is not None and old.from_same(fresh) else _made(fresh, domain, old)
        except Exception as error:
            caught(str(key), error)
            if old is not None:
                found[key] = old
    return found


def _selecting(key: Key) -> Key:
    """The service whose selector finds the pods."""
    return Key(key.kind, key.namespace, key.name.removesuffix(AT_INGRESS))


def _at_ingresses(
    services: Mapping[Key, Service], splits: Splits, doors: Doors, before: Mapping[Key, Routed]
) -> Iterable[tuple[Key, Service]]:
    """What Ingresses lead to instead of a stable service: the same ports and the same affinity, without an
    address of its own.
    """
    for key in splits.services:
        if not key.name.endswith(AT_INGRESS) or key not in doors.led:
            continue
        stable = services[_selecting(key)]
        spec = ServiceSpec(
            ports=stable.spec.ports,
            selector=stable.spec.selector,
            cluster_ip="None",
            session_affinity=stable.spec.session_affinity,
            session_affinity_config=stable.spec.session_affinity_config,
        )
        old = before.get(key)
        if old is not None and old.service.spec == spec:
            yield key, old.service
            continue
        meta = msgspec.structs.replace(stable.metadata, name=key.name)
        yield key, msgspec.structs.replace(stable, metadata=meta, spec=spec)


def _made(fresh: Routed, domain: str, old: Routed | None) -> Routed:
    service = fresh.service
    backers = fresh.by_hand or tuple(in_order(fresh.by_owner))
    serving = tuple(b for b in backers if serves(fresh.split, b, live_only=True))
    split_off = service.metadata.name.endswith(AT_INGRESS)
    names = () if split_off else names_of(service, fresh.ip, serving, domain)
    part = Part(split=fresh.split, live=fresh.live, parting=fresh.parting)
    route = routed(service, fresh.ip, fresh.node_ports, backers, part) if fresh.ip or _door(fresh) else None
    route, flaw = sound(route) if route is not None else (None, "")
    names, unsaid = sound_ones(names)
    if old is not None:
        route = old.route if old.route == route else route
        names = old.names if old.names == names else names
    said = [flaw] if flaw else [f"{name.name!r}: {what}" for name, what in unsaid[:1]]
    note = f"{service.key}: left out, since it can't be told to a proxy: its {said[0]}" if said else ""
    return msgspec.structs.replace(fresh, route=route, names=names, note=note)


def _door(fresh: Routed) -> bool:
    """A headless service that an Ingress leads to."""
    return fresh.led and fresh.service.headless


def with_unseen(
    services: Iterable[RoutedService], published: Published, unseen: set[str]
) -> list[RoutedService]:
    """The same, also with the endpoints on nodes that nobody has looked into yet: as they were published."""
    made = []
    for service in services:
        ports = tuple(_with(port, service, published, unseen) for port in service.ports)
        made.append(service if ports == service.ports else msgspec.structs.replace(service, ports=ports))
    return made


def _with(port: RoutedPort, service: RoutedService, published: Published, unseen: set[str]) -> RoutedPort:
    names = {e.name for e in port.endpoints}
    told = published.endpoints(service.namespace, service.name, port)
    more = [e for e in told if e.node in unseen and e.name not in names]
    if not more:
        return port
    both = sorted([*port.endpoints, *more], key=lambda e: (e.name, e.ip))
    return msgspec.structs.replace(port, endpoints=tuple(both))
