"""What is a place in the fleet, and through which node it is reached: a node knows every Service's address.

svc, svc.ns, svc.ns.svc, svc.ns.svc.cluster.local    a Service, or a pod behind a headless one
an address in the range of Services or of pods       as it is
anything else                                        isn't in the fleet
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import ReconcilerError
from reconciler.measuring.haproxy import Read
from reconciler.model.observed import NodeState
from reconciler.model.traffic import Counter, NodeTraffic

if TYPE_CHECKING:
    from reconciler.bounded import Stream


class Door(Protocol):
    """A node, as far as it is needed here (`engine.node.Node`)."""

    def state(self) -> NodeState: ...
    def counters(self) -> Sequence[Counter]: ...
    def dial(self, host: str, port: int, seconds: float) -> Stream: ...


def addresses(namespace: str, host: str, traffic: NodeTraffic) -> tuple[str, ...]:
    """Where `host` is in the fleet, as seen from `namespace`; nothing if it isn't in the fleet."""
    try:
        given = ip_address(host)
    except ValueError:
        return _named(namespace, host.rstrip(".").lower(), traffic)
    ranges = (r for r in (traffic.service_range, traffic.pod_range) if r)
    return (host,) if any(given in ip_network(r, strict=False) for r in ranges) else ()


def _named(namespace: str, host: str, traffic: NodeTraffic) -> tuple[str, ...]:
    domain = traffic.domain
    names = {host, f"{host}.{domain}", f"{host}.svc.{domain}", f"{host}.{namespace}.svc.{domain}"}
    return next((n.addresses for n in traffic.names if n.name in names and n.addresses), ())


def through(doors: Mapping[str, Door]) -> Callable[[str, str, int, float], Stream | None]:
    """To dial places in the fleet through the first node that gets there."""

    def dial(namespace: str, host: str, port: int, seconds: float) -> Stream | None:
        why: OSError | None = None
        for door in _open(doors).values():
            traffic = door.state().traffic
            there = addresses(namespace, host, traffic) if traffic is not None else ()
            if not there and traffic is not None:
                return None
            for address in there:
                try:
                    return door.dial(address, port, seconds)
                except OSError as error:
                    why = error
                except ReconcilerError as error:
                    why = OSError(error.line)
        if why is not None:
            raise why
        return None

    return dial


def counts(doors: Mapping[str, Door]) -> Read:
    """Every reachable node's counters; what fails to answer is left out this time."""

    def read() -> Mapping[str, Sequence[Counter]]:
        found: dict[str, Sequence[Counter]] = {}
        for name, door in _open(doors).items():
            try:
                found[name] = door.counters()
            except (ReconcilerError, OSError):
                continue
        return found

    return read


def _open(doors: Mapping[str, Door]) -> dict[str, Door]:
    """Nodes that can be asked, with a data plane that works."""
    states = {name: door.state() for name, door in sorted(doors.items())}
    return {
        name: doors[name]
        for name, state in states.items()
        if state.reachable and state.data_plane not in ("", "stopped")
    }
