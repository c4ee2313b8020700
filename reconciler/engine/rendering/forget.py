"""Which connections the kernel must forget when endpoints change.

The kernel balances a flow once and remembers where it went. UDP has no end that it could see, so a client
that keeps its port would talk to a pod that is gone for ever. Each line is the arguments of one `conntrack
-D`.
"""

from __future__ import annotations

from reconciler.engine.rendering.nat import Door, doors
from reconciler.model.traffic import NodeTraffic


def forget(before: NodeTraffic, after: NodeTraffic) -> tuple[str, ...]:
    """Flows to an endpoint that is no more, and flows that found nobody where there is somebody now.

    A draining endpoint keeps its flows: what is under way goes on.
    """
    old, new = _endpoints(before), _endpoints(after)
    lines = [
        f"{door} --dst-nat {ip}" for door, ips in old.items() for ip in sorted(ips - new.get(door, set()))
    ]
    lines += [door for door, ips in new.items() if ips and not old.get(door)]
    return tuple(lines)


def _endpoints(traffic: NodeTraffic) -> dict[str, set[str]]:
    """Per way into the kernel's balancing, the addresses behind it."""
    found: dict[str, set[str]] = {}
    for door in doors(traffic):
        found.setdefault(_arguments(door), set()).update(endpoint.ip for endpoint in door.port.endpoints)
    return found


def _arguments(door: Door) -> str:
    where = f" --orig-dst {door.address}" if door.address else ""
    return f"-D -p {door.port.protocol.lower()}{where} --orig-port-dst {door.number}"
