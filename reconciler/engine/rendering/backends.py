"""HAProxy's backends: which there are, which servers they hold, and how both are written.

The one place that says how an endpoint becomes a server, so that the file on disk and the commands to a
running HAProxy can't disagree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from zlib import crc32

from reconciler.engine.rendering.header_routes import Place, Turn, Way, turns
from reconciler.engine.rendering.slots import SLOTS
from reconciler.model.base import Value
from reconciler.model.traffic import Endpoint, NodeTraffic, RoutedPort, RoutedService

LET_GO = "http-after-response set-header Connection close if { stopping }"
"""A process that a reload left behind parts from each client with its next answer, never between two."""


class Server(Value):
    """One endpoint in a backend. In maintenance it gets nothing new and finishes what it has."""

    name: str
    address: str
    weight: int
    maintenance: bool


class Backend(Value):
    """The servers of one service port, spoken to one way.

    `https`: HTTP inside TLS that is not verified. `affinity_seconds` and `proxy_protocol` are the service's;
    `ingress`: requests may carry a time limit that their Ingress gave them.
    """

    name: str
    way: Way
    servers: tuple[Server, ...] = ()
    affinity_seconds: int = 0
    proxy_protocol: str = ""
    ingress: bool = False


def base_name(namespace: str, service: str, port: int, *, local: bool = False) -> str:
    """`default_web_80`: no Kubernetes name has an underscore, so no two service ports share one."""
    return f"{namespace}_{service}_{port}" + (".local" if local else "")


def backends(traffic: NodeTraffic, services: Collection[RoutedService] | None = None) -> tuple[Backend, ...]:
    """Every backend that some frontend leads to, in a stable order; of `services`, or of all."""
    ingress, turning = _ingress_places(traffic), header_turns(traffic)
    wanted = ingress | {turn.to for turn in turning}
    ingress |= {turn.to for turn in turning if turn.origin in ingress}
    found: dict[str, Backend] = {}
    for service in traffic.services if services is None else services:
        for port in service.ports:
            if port.protocol == "TCP":
                for place in _places(service, port, wanted):
                    for backend in _of_place(traffic.node, service, port, place, ingress):
                        found[backend.name] = backend
    return tuple(found.values())


def header_turns(traffic: NodeTraffic) -> tuple[Turn, ...]:
    """Where requests turn off to other services, by their headers."""
    ingress = _ingress_places(traffic)
    places = [
        place
        for service in traffic.services
        if service.header_routes
        for port in service.ports
        if port.protocol == "TCP"
        for place in _places(service, port, ingress)
    ]
    return turns(traffic, places)


def place_name(place: Place) -> str:
    """The backend's, without the slot."""
    return f"{base_name(place.namespace, place.service, place.port, local=place.local)}.{place.way}"


def direct(service: RoutedService, port: RoutedPort) -> bool:
    """Is HAProxy the way to this port from outside? With policy Local the kernel is: it keeps the client's
    IP.
    """
    outside = bool(port.node_port or service.addresses)
    return port.protocol == "TCP" and outside and not service.external_local


def write(backend: Backend) -> Iterator[str]:
    """The backend's section of haproxy.cfg."""
    yield from head(backend)
    for server in backend.servers:
        said = options(backend, server) + (" disabled" if server.maintenance else "")
        yield f"  server {server.name} {server.address} weight {server.weight}{said}"


def head(backend: Backend) -> Iterator[str]:
    """What of the section doesn't depend on its endpoints."""
    yield f"backend {backend.name}"
    if backend.way != "tcp":
        yield "  mode http"
        yield "  option forwardfor"
        # What clients get from the pod without us, they get through us.
        yield "  option accept-invalid-http-response"
        # A pod that dies under a request that changes nothing costs the client nothing.
        yield "  retry-on conn-failure empty-response"
        yield "  http-request disable-l7-retry unless { method GET HEAD OPTIONS }"
        if backend.ingress:
            yield "  http-request set-timeout server var(txn.timeout) if { var(txn.timeout) -m found }"
        yield f"  {LET_GO}"
    if backend.affinity_seconds:
        # A reload begins with an empty table: then the client's address leads to the same server, as a rule.
        yield "  balance source"
        yield "  hash-type consistent"
        yield f"  stick-table type ip size 20k expire {backend.affinity_seconds}s"
        yield "  stick on src"


def options(backend: Backend, server: Server) -> str:
    """What is said of a server besides address and weight, in the file and at run time alike."""
    tls = " ssl verify none" if backend.way == "https" else ""
    proxy = {"": "", "v1": " send-proxy", "v2": " send-proxy-v2"}[backend.proxy_protocol]
    # The number is a server's place in the hash of clients: its own, however it came here.
    place = f" id {crc32(server.name.encode()) % 2**31 or 1}" if backend.affinity_seconds else ""
    return f"{tls}{proxy}{place}"


def _ingress_places(traffic: NodeTraffic) -> frozenset[Place]:
    return frozenset(
        Place(
            namespace=route.namespace,
            service=route.service,
            port=route.port,
            way="https" if route.backend_tls else "http",
        )
        for route in (traffic.ingress.routes if traffic.ingress else ())
    )


def _places(service: RoutedService, port: RoutedPort, wanted: Collection[Place]) -> Iterator[Place]:
    """`wanted` are those that something else than the service itself leads to."""
    near = service.internal_local and bool(service.ip)
    far = (bool(service.ip) and not near) or direct(service, port)
    plain: tuple[Way, ...] = ("tcp", "http") if port.http else ("tcp",)
    ways: tuple[Way, ...] = ("tcp", "http", "https")
    for way in ways:
        for local, leads in ((False, far), (True, near)):
            place = Place(
                namespace=service.namespace, service=service.name, port=port.port, way=way, local=local
            )
            if (leads and way in plain) or place in wanted:
                yield place


def _of_place(
    node: str, service: RoutedService, port: RoutedPort, place: Place, ingress: Collection[Place]
) -> Iterator[Backend]:
    """One, or one for each slot: they are there whether anything is in them or not, so that what comes into
    them needs no reload.
    """
    endpoints = tuple(one for one in port.endpoints if not place.local or one.node == node)
    name = place_name(place)
    parts: dict[str, Iterable[Endpoint]] = {name: endpoints}
    if service.live:
        parts = {f"{name}.{slot}": [one for one in endpoints if one.slot == slot] for slot in SLOTS}
    for part, behind in parts.items():
        yield Backend(
            name=part,
            way=place.way,
            servers=tuple({server.name: server for server in map(_server, behind)}.values()),
            affinity_seconds=service.affinity_seconds,
            proxy_protocol=service.proxy_protocol,
            ingress=place in ingress,
        )


def _server(endpoint: Endpoint) -> Server:
    """Named by pod and address: a pod that comes back with another address is another server.

    One without a weight is in maintenance: HAProxy would still give it the clients that it has in a table of
    affinity.
    """
    name = re.sub(r"[^A-Za-z0-9_.:-]", "-", endpoint.name)
    return Server(
        name=f"{name}_{endpoint.ip}_{endpoint.port}",
        address=f"{endpoint.ip}:{endpoint.port}",
        weight=endpoint.weight,
        maintenance=endpoint.state == "draining" or not endpoint.weight,
    )


def pod_of(server: str) -> str:
    """The pod that a server is named by."""
    return server.rsplit("_", 2)[0]


def service_of(backend: str) -> tuple[str, str]:
    """Namespace and service that a backend is named by."""
    namespace, service, _ = backend.split("_", 2)
    return namespace, service
