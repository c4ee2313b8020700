"""What the nodes' data planes were last told, as one picture of the fleet's network. Pure.

The nodes themselves are asked, not the plan: this is what clients meet now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from reconciler.model.observed import NodeState, Observed
from reconciler.model.traffic import Endpoint, NodeTraffic, RoutedService

ServiceName = tuple[str, str]
"""Namespace and name."""


class Published(NamedTuple):
    """`services` as most nodes have them, without the nodes' own addresses; these are in `addresses`, of all
    nodes together. `ingresses`: where each Ingress (`namespace/name`) is served. All sorted.
    """

    services: Mapping[ServiceName, RoutedService]
    addresses: Mapping[ServiceName, tuple[str, ...]]
    ingresses: Mapping[str, tuple[str, ...]]
    routes: NodeTraffic | None
    """The first node's that serves Ingresses."""


def published(observed: Observed) -> Published:
    """Reachable nodes count; one that is silent answers nobody as far as we know."""
    traffics = list(_spoken(observed.nodes.values()))
    versions: dict[ServiceName, Counter[RoutedService]] = {}
    addresses: dict[ServiceName, set[str]] = {}
    for traffic in traffics:
        for service in traffic.services:
            name = service.namespace, service.name
            plain = msgspec.structs.replace(service, addresses=()) if service.addresses else service
            versions.setdefault(name, Counter())[plain] += 1
            addresses.setdefault(name, set()).update(service.addresses)
    serving = [t for t in traffics if t.ingress is not None]
    return Published(
        # Of those that are equally many the first node's counts: `most_common` keeps the order.
        services={name: found.most_common(1)[0][0] for name, found in sorted(versions.items())},
        addresses={name: tuple(sorted(found, key=_by_number)) for name, found in sorted(addresses.items())},
        ingresses=_served(serving),
        routes=serving[0] if serving else None,
    )


def endpoints(service: RoutedService) -> tuple[Endpoint, ...]:
    """Each pod or address once, however many ports it serves; ready if it is so for one of them."""
    found: dict[str, Endpoint] = {}
    for port in service.ports:
        for endpoint in port.endpoints:
            known = found.get(endpoint.ip)
            if known is None or (known.state, endpoint.state) == ("draining", "ready"):
                found[endpoint.ip] = endpoint
    return tuple(found.values())


def data_planes(nodes: Iterable[NodeState]) -> Counter[str]:
    """How many are running, outdated, stopped or absent, on nodes that answer."""
    return Counter(n.data_plane or "absent" for n in nodes if n.reachable)


def newest(nodes: Iterable[NodeState]) -> NodeTraffic | None:
    """One node's traffic where all of it isn't needed: the first that answers."""
    return next(_spoken(nodes), None)


def _spoken(nodes: Iterable[NodeState]) -> Iterator[NodeTraffic]:
    return (n.traffic for n in nodes if n.reachable and n.traffic is not None)


def _served(serving: Iterable[NodeTraffic]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for traffic in serving:
        routes = traffic.ingress.routes if traffic.ingress else ()
        for name in {route.ingress for route in routes}:
            found.setdefault(name, set()).add(traffic.overlay.address)
    return {name: tuple(sorted(at, key=_by_number)) for name, at in sorted(found.items())}


def _by_number(address: str) -> tuple[tuple[int, ...], str]:
    parts = address.split(".")
    return tuple(int(p) for p in parts) if all(p.isdigit() for p in parts) else (), address
