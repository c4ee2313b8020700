"""What one node's data plane is to do: which services it balances to which pods, which names it answers.

`decide` works it out whole for each node, `engine` renders it for HAProxy, dnsmasq, iptables and the VXLAN
device. The node keeps the very same value, so what was published can be read back from the node alone, after
a restart of the reconciler or on another machine. No Secret's value is ever in it.

Each field that becomes a word in a file or a command has a form without blanks, quotes and line ends. What a
node says that it was told is decoded to these very types.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from reconciler.model.base import Value
from reconciler.model.names import END, NODE_NAME, DNSLabel, DNSName, IPv4, IPv4Range, NoIPv4, NoPort, Port

ObjectName = Annotated[str, Meta(pattern=rf"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:split)?{END}", max_length=253)]
"""A Service's or Secret's; `:split` behind it: see `decide.delivery.split`."""
WholeName = Annotated[str, Meta(pattern=rf"^[a-z0-9][-a-z0-9]*/[a-z0-9][-a-z0-9.]*{END}", max_length=317)]
"""Namespace and name."""
EndpointName = Annotated[str, Meta(pattern=rf"^[A-Za-z0-9][-A-Za-z0-9_.:]*{END}", max_length=253)]
NodeName = Annotated[str, Meta(pattern=NODE_NAME)]
SomeNode = Annotated[str, Meta(pattern=rf"^([-a-z0-9.]*){END}", max_length=253)]
"""A node's name, or nothing."""
Host = Annotated[str, Meta(pattern=rf"^([-A-Za-z0-9_.*]*){END}", max_length=253)]
"""A host, `*.` before it for all below it, or nothing."""
AddressRange = Annotated[str, Meta(pattern=rf"^[0-9A-Fa-f.:]+(/[0-9]{{1,3}})?{END}", max_length=64)]
"""Of either version of IP."""
Path = Annotated[str, Meta(pattern=rf"^[^\x00-\x08\x0e-\x1b\x7f]*{END}", max_length=8192)]
"""Blanks in it are written as in a request."""
Public = Annotated[str, Meta(pattern=rf"^[-A-Za-z0-9_.]+{END}", max_length=1024)]
"""What tokens and answers of ACME are made of (RFC 8555, 8.1)."""
Weight = Annotated[int, Meta(ge=0, le=256)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]

EndpointState = Literal["ready", "draining"]
Slot = Literal["", "a", "b"]


class Endpoint(Value):
    """One address behind a service port. `name` is the pod's, or made of the address where there is no pod.

    `draining` gets nothing new; what it is answering goes on. An endpoint that isn't listed any more is gone:
    what is still open to it is cut. `node` is where the pod runs. `weight` is its share of new connections,
    relative to the others' (0 to 256). `slot`: to which of a service's two sets it belongs.
    """

    name: EndpointName
    ip: IPv4
    port: Port
    node: SomeNode = ""
    state: EndpointState = "ready"
    weight: Weight = 100
    slot: Slot = ""


class HeaderMatch(Value):
    """A request's header, by its value: all of it, its beginning, or a regular expression for all of it."""

    header: str
    value: str
    how: Literal["exact", "prefix", "regex"] = "exact"


class HeaderRoute(Value):
    """HTTP requests that match all of `matches` go to the same port of `service`, of the same namespace."""

    name: str
    service: ObjectName
    matches: tuple[HeaderMatch, ...] = ()


class RoutedPort(Value):
    """One port of a service. `http`: what is HTTP/1 on it is balanced request by request, so that a client's
    kept-alive connection outlives the pods; everything else on it passes as plain TCP.
    """

    port: Port
    name: str = ""
    protocol: Literal["TCP", "UDP"] = "TCP"
    node_port: NoPort = 0
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

    namespace: DNSLabel
    name: ObjectName
    ip: NoIPv4 = ""
    ports: tuple[RoutedPort, ...] = ()
    addresses: tuple[IPv4, ...] = ()
    affinity_seconds: Count = 0
    internal_local: bool = False
    external_local: bool = False
    source_ranges: tuple[IPv4Range, ...] = ()
    proxy_protocol: Literal["", "v1", "v2"] = ""
    live: Slot = ""
    header_routes: tuple[HeaderRoute, ...] = ()


class Name(Value):
    """A DNS name, whole (`web.default.svc.cluster.local`), and the addresses that answer it.

    With `target` (ExternalName) it has that name's addresses, whatever they are.
    """

    name: DNSName
    addresses: tuple[IPv4, ...] = ()
    target: Host = ""


class IngressRoute(Value):
    """Requests for `host` and `path` go to port `port` of a service. `host` is empty for any, or begins with
    `*.`; `exact`: this path alone, else it and everything below it.

    `redirect`: plain HTTP is sent to HTTPS. `allow`: only clients of these ranges. `backend_tls`: the pods
    speak HTTPS. `timeout_seconds`: how long a pod may take to answer, 0: as long as it likes. `ingress` names
    the Ingress, as `namespace/name`.
    """

    ingress: WholeName
    namespace: DNSLabel
    service: ObjectName
    port: Port
    host: Host = ""
    path: Path = "/"
    exact: bool = False
    redirect: bool = False
    allow: tuple[AddressRange, ...] = ()
    backend_tls: bool = False
    timeout_seconds: Count = 0


class Certificate(Value):
    """A TLS Secret, by namespace and name. `digest` changes with its content, which is never in here."""

    namespace: DNSLabel
    secret: ObjectName
    digest: Public
    hosts: tuple[Host, ...] = ()


class Challenge(Value):
    """What an ACME server wants to read at /.well-known/acme-challenge/`token` (RFC 8555, 8.3). Public."""

    token: Public
    answer: Public


class IngressTraffic(Value):
    """`routes` in the order in which they are tried. A route with neither host nor path is the default."""

    http_port: Port = 80
    https_port: Port = 443
    routes: tuple[IngressRoute, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    challenges: tuple[Challenge, ...] = ()


class Overlay(Value):
    """The flat network of all pods. `address` is the node's own, by which the others reach it; `peers` are
    the others'. Without peers there is no VXLAN. `mtu` is that of the pods (bytes), 0: the link's less 50.
    """

    address: NoIPv4
    peers: tuple[IPv4, ...] = ()
    vxlan_id: Count = 4242
    vxlan_port: Port = 4789
    mtu: Count = 0


class NodeTraffic(Value):
    """Everything that a node's data plane is told. Tuples are in sorted order where nothing else is said.

    `pod_range` is the fleet's, `pod_cidr` the node's slice of it, whose first address is the node's own on
    the pod network. `dns` is the name server's address, in the service range.
    """

    node: NodeName
    pod_range: IPv4Range
    pod_cidr: IPv4Range
    service_range: IPv4Range
    dns: IPv4
    overlay: Overlay
    domain: DNSName = "cluster.local"
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
