"""HAProxy's ways in for services: the service range, node ports, the node's own addresses.

Each finds the backend by one look into a map, however many services there are. A bind stands on a line of its
own, so that the node container can leave out one whose port something else has taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network

from reconciler.engine.rendering import onward
from reconciler.engine.rendering.backends import LET_GO, base_name, direct, header_turns, place_name
from reconciler.engine.rendering.basis import FOLDER
from reconciler.engine.rendering.header_routes import asked, tested
from reconciler.engine.rendering.lines import lines
from reconciler.engine.rendering.listed import one_of
from reconciler.engine.rendering.slots import live_map, slotted, use
from reconciler.model.traffic import NodeTraffic, RoutedPort, RoutedService

SERVICES_PORT = 15000
"""Where the kernel sends TCP for the service range, on the node's own address of the pod network."""


def gateway(traffic: NodeTraffic) -> str:
    """The node's own address on the pod network: the first of its slice."""
    return str(ip_network(traffic.pod_cidr)[1])


def frontends(traffic: NodeTraffic) -> Iterator[str]:
    steering = list(_turning(traffic)), slotted(traffic)
    services = f"{gateway(traffic)}:{SERVICES_PORT}"
    yield from _frontend("services", [services], "%[dst]:%[dst_port]", *steering)
    ports = [f":{port}" for port in _node_ports(traffic)]
    if ports:
        yield ""
        yield from _frontend("node_ports", ports, "%[dst_port]", *steering)
    addresses = [f"{address} transparent" for address in _addresses(traffic)]
    if addresses:
        yield ""
        yield from _frontend("addresses", addresses, "%[dst]:%[dst_port]", *steering, _narrowed(traffic))


def maps(traffic: NodeTraffic) -> dict[str, str]:
    """The maps' content by name. `http` says of a TCP backend where its HTTP requests go instead."""
    http = [
        base_name(service.namespace, service.name, port.port, local=local)
        for service, port in _tcp(traffic)
        for local in ((False, True) if service.internal_local else (False,))
        if port.http
    ]
    live = {"live": live_map(traffic)} if slotted(traffic) else {}
    return live | {
        "services": _lines(_cluster_ips(traffic), ".tcp"),
        "node_ports": _lines(_node_ports(traffic), ".tcp"),
        "addresses": _lines(_addresses(traffic), ".tcp"),
        "http": lines(f"{base}.tcp {base}.http" for base in http),
    }


_HTTP = "{ var(txn.http) -m found }"
# HTTP/2 without TLS (gRPC) looks like HTTP and isn't HTTP/1: it passes as it is.
_HTTP1 = 'HTTP !{ req.payload(0,4) -m str "PRI " }'


def _frontend(
    name: str, binds: list[str], key: str, turning: list[str], slots: bool, rules: Iterable[str] = ()
) -> Iterator[str]:
    yield f"frontend {name}"
    for bind in binds:
        yield f"  bind {bind}"
    yield f"  {onward.door(name)}"
    for rule in rules:
        yield f"  {rule}"
    yield "  tcp-request inspect-delay 3s"
    yield f'  tcp-request content set-var-fmt(txn.key) "{key}"'
    yield f"  tcp-request content set-var(txn.tcp) var(txn.key),map_str({FOLDER}/maps/{name}.map)"
    yield "  tcp-request content reject unless { var(txn.tcp) -m found }"
    yield f"  tcp-request content set-var(txn.http) var(txn.tcp),map_str({FOLDER}/maps/http.map)"
    # Where the server may be the one to speak first, nothing is waited for.
    yield f"  tcp-request content accept unless {_HTTP}"
    for line in turning:
        yield f"  {line}"
    yield "  tcp-request content accept if HTTP"
    yield f"  {onward.use(name, f' {_HTTP} {_HTTP1}')}"
    if slots:
        yield f"  {use('txn.http', f'{_HTTP} {_HTTP1} ')}"
    yield f"  use_backend %[var(txn.http)] if {_HTTP} {_HTTP1}"
    if slots:
        yield f"  {use('txn.tcp')}"
    yield "  use_backend %[var(txn.tcp)]"
    yield ""
    yield from onward.backend(name, LET_GO)


def _turning(traffic: NodeTraffic) -> Iterator[str]:
    """From the service that was asked to another, by a request's headers."""
    turns = [turn for turn in header_turns(traffic) if turn.origin.way == "http"]
    yield from tested(turns)
    for turn in turns:
        # What isn't for this service is passed by without a wait for its headers.
        here = f"!{{ var(txn.to) -m found }} {{ var(txn.http) -m str {place_name(turn.origin)} }} {_HTTP1}"
        yield f"tcp-request content set-var(txn.to) str({place_name(turn.to)}) if {here} {asked(turn)}"
    if turns:
        yield "tcp-request content set-var(txn.http) var(txn.to) if { var(txn.to) -m found }"


def _tcp(traffic: NodeTraffic) -> Iterator[tuple[RoutedService, RoutedPort]]:
    for service in traffic.services:
        for port in service.ports:
            if port.protocol == "TCP":
                yield service, port


def _cluster_ips(traffic: NodeTraffic) -> dict[str, str]:
    return {
        f"{service.ip}:{port.port}": base_name(
            service.namespace, service.name, port.port, local=service.internal_local
        )
        for service, port in _tcp(traffic)
        if service.ip
    }


def _node_ports(traffic: NodeTraffic) -> dict[str, str]:
    found: dict[str, str] = {}
    for service, port in _tcp(traffic):
        if port.node_port and direct(service, port):
            found.setdefault(str(port.node_port), base_name(service.namespace, service.name, port.port))
    return found


def _addresses(traffic: NodeTraffic) -> dict[str, str]:
    found: dict[str, str] = {}
    for service, port in _tcp(traffic):
        for address in service.addresses if direct(service, port) else ():
            base = base_name(service.namespace, service.name, port.port)
            found.setdefault(f"{address}:{port.port}", base)
    return found


def _narrowed(traffic: NodeTraffic) -> Iterator[str]:
    """Rules for the few services that say who may come through their addresses."""
    for service in traffic.services:
        ports = [str(port.port) for port in service.ports if service.addresses and direct(service, port)]
        if ports and service.source_ranges:
            name = f"{service.namespace}_{service.name}"
            yield from one_of(f"to_{name}", "dst", service.addresses)
            yield from one_of(f"at_{name}", "dst_port", ports)
            yield from one_of(f"from_{name}", "src", service.source_ranges)
            yield f"tcp-request connection reject if to_{name} at_{name} !from_{name}"


def _lines(entries: Mapping[str, str], ending: str) -> str:
    return lines(f"{key} {base}{ending}" for key, base in entries.items())
