"""Rules about Services, Ingresses and the inventory: the service range, the nodes' ports, certificates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from reconciler.manifests.entry import Entry
from reconciler.manifests.rules.nodes import candidates, host_ports, pod_of
from reconciler.manifests.rules.open_ports import opened
from reconciler.manifests.said import Said
from reconciler.model.fleet import Fleet, NodeSpec
from reconciler.model.ingress import Ingress
from reconciler.model.ingress_annotations import ISSUERS, TLS_ACME, settings
from reconciler.model.kinds import Object
from reconciler.model.labels import INGRESS_NODE
from reconciler.model.service import Endpoints, EndpointSlice, Service

DNS_NUMBER = 10
"""Which address of the service range is the name server's, as in most clusters."""

_Held = dict[tuple[int, str], tuple[str, set[str]]]
"""(number, protocol) -> (whose it is, on which nodes)."""


def traffic(entries: Sequence[Entry], fleet: Fleet) -> Iterator[tuple[Entry, Said]]:
    if not fleet.spec.network.enabled:
        yield from ((entry, _off(entry.item)) for entry in entries if _needs_network(entry.item))
        return
    services = _service_range(fleet)
    held = _ingress_ports(entries, fleet)
    for entry in entries:
        item = entry.item
        if isinstance(item, Service):
            if services is not None:
                yield from ((entry, said) for said in _cluster_ip(item, services))
            yield from ((entry, said) for said in _ports(item, held, fleet))
        elif isinstance(item, Ingress):
            yield from ((entry, said) for said in _acme(item, fleet))
    for entry in entries:
        yield from ((entry, said) for said in _host_ports(entry, held, fleet))


def _needs_network(item: Object) -> bool:
    return isinstance(item, Service | Ingress | Endpoints | EndpointSlice)


def _off(item: Object) -> Said:
    message = f"a {item.kind} needs the fleet's network, and spec.network.enabled is false in nodes.yaml"
    if item.kind[0] in "EI":
        message = message.replace("a ", "an ", 1)
    return Said(("kind",), message, "set it to true, or remove this object", rule="network")


def _service_range(fleet: Fleet) -> IPv4Network | None:
    try:
        return IPv4Network(fleet.spec.network.service_cidr)
    except ValueError:
        return None  # said of nodes.yaml


def _cluster_ip(item: Service, services: IPv4Network) -> Iterator[Said]:
    try:
        address = IPv4Address(item.spec.cluster_ip)
    except AddressValueError:
        return
    path = ("spec", "clusterIP")
    if address not in services:
        message = f"{address} isn't in the service range, {services} (spec.network.serviceCIDR in nodes.yaml)"
        yield Said(path, message, "remove it, and one is chosen", rule="address")
    elif address in (services[0], services[DNS_NUMBER], services[-1]):
        what = "the name server's" if address == services[DNS_NUMBER] else "the range's own"
        yield Said(path, f"{address} is {what}", "remove it, and one is chosen", rule="address")


def _ingress_ports(entries: Sequence[Entry], fleet: Fleet) -> _Held:
    ingress = next((entry.item for entry in entries if isinstance(entry.item, Ingress)), None)
    if ingress is None:
        return {}
    ports = fleet.spec.network.ingress
    names = {node.name for node in ingress_nodes(fleet)}
    return {(number, "TCP"): ("Ingresses", set(names)) for number in (ports.http_port, ports.https_port)}


def ingress_nodes(fleet: Fleet) -> list[NodeSpec]:
    """Those labelled for it, or all."""
    labelled = [node for node in fleet.spec.nodes if node.labels.get(INGRESS_NODE) == "true"]
    return labelled or list(fleet.spec.nodes)


def _ports(item: Service, held: _Held, fleet: Fleet) -> Iterator[Said]:
    """Also writes down what the Service holds on every node, for the pods' own ports to be compared with."""
    every = {node.name for node in fleet.spec.nodes}
    for path, (address, number, protocol) in opened(item):
        if address:
            continue
        if held.get((number, protocol), ("",))[0] == "Ingresses":
            field = "httpPort" if number == fleet.spec.network.ingress.http_port else "httpsPort"
            message = f"port {number}/{protocol} of the nodes is where Ingresses are served"
            remedy = (
                f"use another port, write loadBalancerIP, or set spec.network.ingress.{field} in nodes.yaml"
            )
            yield Said(path, message, remedy, rule="port")
        held.setdefault((number, protocol), (str(item.key), every))
    for port in item.spec.ports:
        if port.node_port:
            held.setdefault((port.node_port, port.protocol), (str(item.key), every))


def _host_ports(entry: Entry, held: _Held, fleet: Fleet) -> Iterator[Said]:
    pod = pod_of(entry.item)
    if pod is None or not held:
        return
    spec, at = pod
    for path, number, protocol, _ in host_ports(spec, at):
        whose, nodes = held.get((number, protocol), ("", set()))
        if whose and any(node.name in nodes for node in candidates(spec, fleet)):
            message = (
                f"port {number}/{protocol} of the nodes is held by {whose}, too: one of the two won't get it"
            )
            remedy = "use another port, or leave hostPort out and let the Service lead to the pod"
            yield Said(path, message, remedy, "warning", rule="port")


def _acme(item: Ingress, fleet: Fleet) -> Iterator[Said]:
    if fleet.spec.network.ingress.acme is not None or not settings(item).acme or not item.spec.tls:
        return
    given = item.metadata.annotations
    name = next(name for name in (TLS_ACME, *ISSUERS) if given.get(name))
    message = "has no effect: nodes.yaml names no ACME server to ask"
    remedy = "add spec.network.ingress.acme to nodes.yaml, or a Secret with the certificate"
    yield Said(("metadata", "annotations", name), message, remedy, "warning", rule="tls")
