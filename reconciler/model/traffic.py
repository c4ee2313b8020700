"""What one node's data plane is to do: which services it balances to which pods, which names it answers.

`decide` works it out whole for each node, `engine` renders it for HAProxy, dnsmasq, iptables and the VXLAN
device. The node keeps the very same value, so what was published can be read back from the node alone, after
a restart of the reconciler or on another machine. No Secret's value is ever in it.
"""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Value

EndpointState = Literal["ready", "draining"]
Slot = Literal["", "a", "b"]


class Endpoint(Value):
    """One address behind a service port. `name` is the pod's, or made of the address where there is no pod.

    `draining` gets nothing new; what it is answering goes on. An endpoint that isn't listed any more is gone:
    what is still open to it is cut. `node` is where the pod runs. `weight` is its share of new connections,
    relative to the others' (0 to 256). `slot`: to which of a service's two sets it belongs.
    """

    name: str
    ip: str
    port: int
    node: str = ""
    state: EndpointState = "ready"
    weight: int = 100
    slot: Slot = ""


class HeaderMatch(Value):
    """A request's header, by its value: all of it, its beginning, or a regular expression for all of it."""

    header: str
    value: str
    how: Literal["exact", "prefix", "regex"] = "exact"


class HeaderRoute(Value):
    """HTTP requests that match all of `matches` go to the same port of `service`, of the same namespace."""

    name: str
    service: str
    matches: tuple[HeaderMatch, ...] = ()


class RoutedPort(Value):
    """One port of a service. `http`: what is HTTP/1 on it is balanced request by request, so that a client's
    kept-alive connection outlives the pods; everything else on it passes as plain TCP.
    """

    port: int
    name: str = ""
    protocol: Literal["TCP", "UDP"] = "TCP"
    node_port: int = 0
    http: bool = False
    endpoints: tuple[Endpoint, ...] = ()


class RoutedService(Value):
    """`ip` is the cluster IP, empty for a headless service that only an Ingress leads to.

    `addresses` are the node's own on which its ports are open as they are (LoadBalancer, externalIPs).
    `affinity_seconds`: a client stays with its endpoint so long, 0: it doesn't. `internal_local` and
    `external_local` are the traffic policies Local: only endpoints on the node itself. `source_ranges` narrow
    who may come through `addresses`. `proxy_protocol`: the pods are told the client's address (v1 or v2).
    `live`: its endpoints are two sets, and only those of this slot get anything; to move from one to the
    other is one change (blue-green). `header_routes` are tried in this order, before anything else.
    """

    namespace: str
    name: str
    ip: str = ""
    ports: tuple[RoutedPort, ...] = ()
    addresses: tuple[str, ...] = ()
    affinity_seconds: int = 0
    internal_local: bool = False
    external_local: bool = False
    source_ranges: tuple[str, ...] = ()
    proxy_protocol: Literal["", "v1", "v2"] = ""
    live: Slot = ""
    header_routes: tuple[HeaderRoute, ...] = ()


class Name(Value):
    """A DNS name, whole (`web.default.svc.cluster.local`), and the addresses that answer it.

    With `target` (ExternalName) it has that name's addresses, whatever they are.
    """

    name: str
    addresses: tuple[str, ...] = ()
    target: str = ""


class IngressRoute(Value):
    """Requests for `host` and `path` go to port `port` of a service. `host` is empty for any, or begins with
    `*.`; `exact`: this path alone, else it and everything below it.

    `redirect`: plain HTTP is sent to HTTPS. `allow`: only clients of these ranges. `backend_tls`: the pods
    speak HTTPS. `timeout_seconds`: how long a pod may take to answer, 0: as long as it likes. `ingress` names
    the Ingress, as `namespace/name`.
    """

    ingress: str
    namespace: str
    service: str
    port: int
    host: str = ""
    path: str = "/"
    exact: bool = False
    redirect: bool = False
    allow: tuple[str, ...] = ()
    backend_tls: bool = False
    timeout_seconds: int = 0


class Certificate(Value):
    """A TLS Secret, by namespace and name. `digest` changes with its content, which is never in here."""

    namespace: str
    secret: str
    digest: str
    hosts: tuple[str, ...] = ()


class Challenge(Value):
    """What an ACME server wants to read at /.well-known/acme-challenge/`token` (RFC 8555, 8.3). Public."""

    token: str
    answer: str


class IngressTraffic(Value):
    """`routes` in the order in which they are tried. A route with neither host nor path is the default."""

    http_port: int = 80
    https_port: int = 443
    routes: tuple[IngressRoute, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    challenges: tuple[Challenge, ...] = ()


class Overlay(Value):
    """The flat network of all pods. `address` is the node's own, by which the others reach it; `peers` are
    the others'. Without peers there is no VXLAN. `mtu` is that of the pods (bytes), 0: the link's less 50.
    """

    address: str
    peers: tuple[str, ...] = ()
    vxlan_id: int = 4242
    vxlan_port: int = 4789
    mtu: int = 0


class NodeTraffic(Value):
    """Everything that a node's data plane is told. Tuples are in sorted order where nothing else is said.

    `pod_range` is the fleet's, `pod_cidr` the node's slice of it, whose first address is the node's own on
    the pod network. `dns` is the name server's address, in the service range.
    """

    node: str
    pod_range: str
    pod_cidr: str
    service_range: str
    dns: str
    overlay: Overlay
    domain: str = "cluster.local"
    services: tuple[RoutedService, ...] = ()
    names: tuple[Name, ...] = ()
    ingress: IngressTraffic | None = None


class Counter(Value):
    """What one node's proxy has counted of one pod's answers to requests for one service, up to now.

    `service` is `namespace/name`, of the service whose backend answered: of those that an Ingress or a header
    led there, too. `requests` are those that were answered, well or not, and those that failed on the way;
    connections on ports without HTTP. `errors` of them were answered with 5xx, broke off, or weren't answered
    at all. `seconds` is the sum of the times from when the pod had a request until it began to answer.

    Counts begin anew when the proxy is reloaded or restarted and when an endpoint comes back, so a fall is a
    new beginning. What is being answered during a reload is counted nowhere.
    """

    service: str
    namespace: str
    pod: str
    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
