"""A service of two sets of endpoints of which one is live (blue-green): which one, as HAProxy looks it up.

Both sets have backends of their own all the time, `default_web_80.http.a` and `.b`. One line of one map says
which is live, for all ports of the service and all ways to it, and HAProxy reads it anew for every request
and every connection: so to move from one set to the other is one command, and no request that begins later
than another has an older answer than that.

The processes that a reload left behind hear no commands; they hand requests on (`onward`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from reconciler.engine.rendering.basis import FOLDER
from reconciler.engine.rendering.lines import lines
from reconciler.model.traffic import Endpoint, NodeTraffic, RoutedPort, RoutedService, Slot

SLOTS: Final[tuple[Slot, ...]] = ("a", "b")
LIVE_MAP = f"{FOLDER}/maps/live.map"
LOOKUP = f"field(1,_,2),map_str({LIVE_MAP})"
"""From a backend's name to its service's live slot. `default_web_80.http` is of `default_web`: no Kubernetes
name has an underscore.
"""


def slotted(traffic: NodeTraffic) -> bool:
    """Has any service slots? What none needs costs none anything."""
    return any(service.live for service in traffic.services)


def live_map(traffic: NodeTraffic) -> str:
    return lines(f"{_key(one)} {one.live}" for one in traffic.services if one.live)


def switches(before: NodeTraffic, after: NodeTraffic) -> Iterator[str]:
    """HAProxy's commands for those that had slots and have another live one now."""
    was = {_key(service): service.live for service in before.services if service.live}
    for service in after.services:
        if service.live and was.get(_key(service), service.live) != service.live:
            yield f"set map {LIVE_MAP} {_key(service)} {service.live}"


def use(variable: str, condition: str = "") -> str:
    """The rule that leads to the live slot of the backend in `variable`, where it has slots."""
    found = f"var({variable}),{LOOKUP}"
    return f"use_backend %[var({variable})].%[{found}] if {condition}{{ {found} -m found }}"


def live(service: RoutedService, port: RoutedPort) -> tuple[Endpoint, ...]:
    """The port's endpoints that get something new."""
    if not service.live:
        return port.endpoints
    return tuple(endpoint for endpoint in port.endpoints if endpoint.slot == service.live)


def _key(service: RoutedService) -> str:
    return f"{service.namespace}_{service.name}"
