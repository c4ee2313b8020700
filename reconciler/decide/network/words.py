"""What changes for a data plane, in words: short, in a fixed order, and never all of a long list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.model.meta import Key
from reconciler.model.traffic import Endpoint, IngressTraffic, Name, NodeTraffic, RoutedService

MOST_PARTS, MOST_ITEMS = 4, 4

_SIGNS = {"+": 0, "-": 1}

Reasons = Mapping[tuple[str, Key], str]
"""Why a pod is stopped, by its node and key."""


class Teller:
    """Puts each change in words once, however many nodes it is for."""

    def __init__(self, reasons: Reasons) -> None:
        self._reasons = reasons
        self._said: dict[tuple[int, int], list[str]] = {}

    def change(self, before: NodeTraffic | None, after: NodeTraffic) -> str:
        """`web: +web-7f9c-2, -web-5d-1 (image changed web:1 -> web:2); peers: +10.0.0.7`."""
        if before is None:
            many = f"{len(after.services)} service{'' if len(after.services) == 1 else 's'}"
            names = f"{len(after.names)} name{'' if len(after.names) == 1 else 's'}"
            return f"it is told everything: {many}, {names}"
        parts = [
            *self._services(before.services, after.services),
            *_names(before, after),
            *_ingress(before.ingress, after.ingress),
            *_overlay(before, after),
        ]
        return _cut(parts, MOST_PARTS, "; ") or "its settings change"

    def _services(self, before: tuple[RoutedService, ...], after: tuple[RoutedService, ...]) -> list[str]:
        key = id(before), id(after)
        if key not in self._said:
            self._said[key] = list(_services(before, after, self._reasons))
        return self._said[key]


def _cut(items: Sequence[str], most: int, between: str) -> str:
    if len(items) <= most:
        return between.join(items)
    return f"{between.join(items[: most - 1])} and {len(items) - most + 1} more"


def _services(
    before: Iterable[RoutedService], after: Iterable[RoutedService], reasons: Reasons
) -> Iterator[str]:
    old = {(s.namespace, s.name): s for s in before}
    new = {(s.namespace, s.name): s for s in after}
    for key in sorted(old.keys() | new.keys()):
        one, other = old.get(key), new.get(key)
        if one is other or one == other:
            continue
        name = key[1] if key[0] == "default" else "/".join(key)
        if other is None:
            yield f"{name}: it is no longer wanted"
        else:
            yield f"{name}: {_cut(list(_service(one, other)), MOST_ITEMS, ', ')}{_why(one, other, reasons)}"


def _service(before: RoutedService | None, after: RoutedService) -> Iterator[str]:
    if before is None:
        yield f"it is new{f' at {after.ip}' if after.ip else ''}"
    elif before.ip != after.ip:
        yield f"its address {before.ip or 'none'} -> {after.ip or 'none'}"
    old, new = _endpoints(before), _endpoints(after)
    if before is not None:
        yield from _shares(before, after)
    moves = [m for name in sorted(old.keys() | new.keys()) if (m := _move(old.get(name), new.get(name)))]
    yield from sorted(moves, key=lambda m: (_SIGNS.get(m[0], 2), m))
    if before is not None and _frame(before) != _frame(after):
        yield "its ports and settings" if not moves else "its settings"


def _why(before: RoutedService | None, after: RoutedService, reasons: Reasons) -> str:
    """The reason of the first pod that is taken out because it is stopped."""
    old, new = _endpoints(before), _endpoints(after)
    for name in sorted(old):
        key = old[name].node, Key("Pod", after.namespace, name)
        ends = name not in new or new[name].state == "draining"
        if old[name].state == "ready" and ends and key in reasons:
            return f" ({reasons[key]})"
    return ""


def _endpoints(service: RoutedService | None) -> dict[str, Endpoint]:
    return {e.name: e for port in service.ports for e in port.endpoints} if service else {}


def _move(before: Endpoint | None, after: Endpoint | None) -> str:
    was = before.state if before else ""
    now = after.state if after else ""
    name = after.name if after else before.name if before else ""
    if was == now:
        moved = before is not None and after is not None and _place(before) != _place(after)
        return f"{name} elsewhere" if moved else ""
    if now == "ready":
        return f"+{name}"
    return f"-{name}" if was == "ready" else f"{name} {'ends' if now else 'is gone'}"


def _place(end: Endpoint) -> tuple[object, ...]:
    return end.ip, end.port, end.node


def _shares(before: RoutedService, after: RoutedService) -> Iterator[str]:
    """Who gets how much of the traffic, and which of two sets is live, where that changes."""
    old, new = _by_set(before), _by_set(after)
    if old != new and (_uneven(before) or _uneven(after)):
        yield " ".join(["weights", *(f"{stem} {share:g} %" for stem, share in new.items())])
    if before.live != after.live and after.live:
        ends = (e for port in after.ports for e in port.endpoints if e.slot == after.live)
        stems = sorted({e.name.rpartition("-")[0] for e in ends})
        yield f"{', '.join(stems)} is live" if stems else f"slot {after.live} is live"
    if before.header_routes != after.header_routes:
        yield f"header routes {', '.join(r.name for r in after.header_routes) or 'end'}"


def _by_set(service: RoutedService) -> dict[str, float]:
    """Percent by the pods' names without their ordinals."""
    sums: dict[str, int] = {}
    for end in _endpoints(service).values():
        if end.state == "ready":
            stem = end.name.rpartition("-")[0]
            sums[stem] = sums.get(stem, 0) + end.weight
    whole = sum(sums.values())
    return {stem: round(100 * part / whole, 2) for stem, part in sorted(sums.items())} if whole else {}


def _uneven(service: RoutedService) -> bool:
    return any(e.weight != 100 for e in _endpoints(service).values() if e.state == "ready")


def _frame(service: RoutedService) -> tuple[object, ...]:
    """All but the address and the endpoints."""
    ports = tuple((p.port, p.name, p.protocol, p.node_port, p.http) for p in service.ports)
    return (
        ports,
        service.addresses,
        service.affinity_seconds,
        service.internal_local,
        service.external_local,
        service.source_ranges,
        service.proxy_protocol,
    )


def _names(before: NodeTraffic, after: NodeTraffic) -> Iterator[str]:
    """Of services whose change hasn't been told already."""
    if before.names is after.names:
        return
    told = {(s.name, s.namespace) for t in (before, after) for s in t.services if s.ip}
    end = f".svc.{after.domain}"
    old, new = {n.name: n for n in before.names}, {n.name: n for n in after.names}
    for name in sorted(old.keys() | new.keys()):
        short = name.removesuffix(end)
        if old.get(name) == new.get(name) or tuple(short.split(".")) in told:
            continue
        yield f"{short.removesuffix('.default')}: {_answers(old.get(name), new.get(name))}"


def _answers(before: Name | None, after: Name | None) -> str:
    if after is not None and after.target:
        return f"it is {after.target}"
    return (
        _difference(before.addresses if before else (), after.addresses if after else ()) or "its name goes"
    )


def _difference(before: Iterable[str], after: Iterable[str]) -> str:
    old, new = set(before), set(after)
    items = [*(f"+{x}" for x in sorted(new - old)), *(f"-{x}" for x in sorted(old - new))]
    return _cut(items, MOST_ITEMS, ", ")


def _ingress(before: IngressTraffic | None, after: IngressTraffic | None) -> Iterator[str]:
    if before == after:
        return
    if after is None:
        yield "ingress: not on this node any more"
        return
    old = before or IngressTraffic()
    routes = _difference(_places(old), _places(after))
    if routes:
        yield f"ingress: {routes}"
    certificates = _difference(_certificates(old), _certificates(after))
    if certificates:
        yield f"certificates: {certificates}"
    renewed = {c.digest for c in old.certificates} != {c.digest for c in after.certificates}
    if renewed and not certificates:
        yield "certificates: renewed"
    if old.challenges != after.challenges:
        yield "an ACME server's question"
    if not routes and old.routes != after.routes:
        yield "ingress: settings"


def _places(ingress: IngressTraffic) -> list[str]:
    return [f"{r.host or '*'}{r.path}" for r in ingress.routes]


def _certificates(ingress: IngressTraffic) -> list[str]:
    return [f"{c.namespace}/{c.secret}" for c in ingress.certificates]


def _overlay(before: NodeTraffic, after: NodeTraffic) -> Iterator[str]:
    if peers := _difference(before.overlay.peers, after.overlay.peers):
        yield f"peers: {peers}"
    if before.overlay.address != after.overlay.address:
        yield f"its address {before.overlay.address or 'none'} -> {after.overlay.address or 'none'}"
