"""Which connections the kernel must forget when endpoints change.

The kernel balances a flow once and remembers where it went. UDP has no end that it could see, so a client
that keeps its port would talk to a pod that is gone for ever. Each line is the arguments of one `conntrack
-D`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.engine.rendering.lines import command
from reconciler.engine.rendering.nat import Door, doors
from reconciler.engine.rendering.slots import live
from reconciler.model.traffic import Endpoint, NodeTraffic


def forget(before: NodeTraffic, after: NodeTraffic) -> tuple[str, ...]:
    """Flows to an endpoint that is no more, and flows that found nobody where there is somebody now.

    A draining endpoint keeps its flows: what is under way goes on. One whose slot is live no more keeps its
    TCP connections, which end by themselves; UDP knows no end, so its flows move to the live slot at once. So
    do those of one that has no weight any more.
    """
    old, new = _endpoints(before, _held), _endpoints(after, _held)
    given, giving = _endpoints(before, _given), _endpoints(after, _given)
    lines = [
        f"{door} --dst-nat {ip}" for door, ips in old.items() for ip in sorted(ips - new.get(door, set()))
    ]
    lines += [door for door, ips in giving.items() if ips and not given.get(door)]
    return tuple(map(command, lines))


def _endpoints(traffic: NodeTraffic, which: Callable[[Door], Iterable[Endpoint]]) -> dict[str, set[str]]:
    """Per way into the kernel's balancing, the addresses behind it."""
    found: dict[str, set[str]] = {}
    for door in doors(traffic):
        found.setdefault(_arguments(door), set()).update(endpoint.ip for endpoint in which(door))
    return found


def _given(door: Door) -> Iterable[Endpoint]:
    return [endpoint for endpoint in live(door.service, door.port) if endpoint.weight]


def _held(door: Door) -> Iterable[Endpoint]:
    return _given(door) if door.port.protocol == "UDP" else door.port.endpoints


def _arguments(door: Door) -> str:
    where = f" --orig-dst {door.address}" if door.address else ""
    return f"-D -p {door.port.protocol.lower()}{where} --orig-port-dst {door.number}"
