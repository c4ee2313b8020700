"""Rules about spec.network of nodes.yaml: ranges that are large enough and apart, ports, certificates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from reconciler.manifests.rules import addresses
from reconciler.manifests.rules.services import NODE_PORTS
from reconciler.manifests.said import Said, shown
from reconciler.model.fleet import ACMESpec, Fleet, IngressPortsSpec, NetworkSpec

_PATH = ("spec", "network")
_SMALLEST_SERVICES = 24
_SMALLEST_MTU = 576
"""RFC 791: what every IPv4 host takes."""
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_URL = re.compile(r"https://[^\s/@]+(/\S*)?")


def check(fleet: Fleet) -> Iterator[Said]:
    network = fleet.spec.network
    ranges = {"podCIDR": _network(network.pod_cidr), "serviceCIDR": _network(network.service_cidr)}
    yield from _ranges(fleet, ranges["podCIDR"], ranges["serviceCIDR"])
    yield from _nodes(fleet, {field: found for field, found in ranges.items() if found is not None})
    yield from _links(network)
    yield from _ingress(network.ingress)


def _network(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None


def _ranges(fleet: Fleet, pods: IPv4Network | None, services: IPv4Network | None) -> Iterator[Said]:
    if pods is None:
        yield _no_network("podCIDR", fleet.spec.network.pod_cidr, NetworkSpec().pod_cidr)
    else:
        yield from _slices(fleet, pods)
    if services is None:
        yield _no_network("serviceCIDR", fleet.spec.network.service_cidr, NetworkSpec().service_cidr)
    elif services.prefixlen > _SMALLEST_SERVICES:
        message = f"{services} has room for few Services, expected /{_SMALLEST_SERVICES} or larger"
        yield Said((*_PATH, "serviceCIDR"), message, "write it as 10.43.0.0/16", rule="network")
    if pods is not None and services is not None and pods.overlaps(services):
        message = f"overlaps podCIDR, {pods}: an address would be a pod's and a Service's"
        yield Said((*_PATH, "serviceCIDR"), message, "use ranges that nothing else has", rule="network")


def _no_network(field: str, found: str, default: str) -> Said:
    message = f"expected an IPv4 network, found {shown(found)}"
    return Said((*_PATH, field), message, f"write it as {default}", rule="network")


def _slices(fleet: Fleet, pods: IPv4Network) -> Iterator[Said]:
    bits, nodes = fleet.spec.network.slice_bits, len(fleet.spec.nodes)
    slices = 2 ** max(bits - pods.prefixlen, 0)
    if bits < pods.prefixlen or slices < nodes:
        message = f"{pods} has {slices} slices of /{bits} for {nodes} nodes"
        remedy = "make podCIDR larger or the slices smaller"
        yield Said((*_PATH, "sliceBits"), message, remedy, rule="network")


def _nodes(fleet: Fleet, ranges: dict[str, IPv4Network]) -> Iterator[Said]:
    """The nodes' own addresses are valid, different, and outside of the ranges."""
    taken: dict[str, str] = {}
    for index, node in enumerate(fleet.spec.nodes):
        path = ("spec", "nodes", index, "internalIP")
        if not node.internal_ip:
            continue
        said = list(addresses.host(node.internal_ip, path))
        yield from said
        if said:
            continue
        other = taken.setdefault(node.internal_ip, node.name)
        if other != node.name:
            message = f"is the address of {other}, too"
            yield Said(path, message, "give each node its own address", rule="duplicate")
        for field, found in ranges.items():
            if IPv4Address(node.internal_ip) in found:
                message = f"{node.internal_ip} is in {field}, {found}, which is for pods and Services"
                yield Said(path, message, f"use another spec.network.{field}", rule="network")


def _links(network: NetworkSpec) -> Iterator[Said]:
    if 0 < network.mtu < _SMALLEST_MTU:
        message = f"expected 0 or at least {_SMALLEST_MTU}, found {network.mtu}"
        yield Said((*_PATH, "mtu"), message, "0 takes what the link carries", rule="network")
    if network.vxlan_port in NODE_PORTS:
        yield _node_port((*_PATH, "vxlanPort"), network.vxlan_port, "use 4789 or 8472")
    if network.cluster_domain == "local":
        message = "local belongs to multicast DNS, and many programs ask no name server for it"
        remedy = "write cluster.local"
        yield Said((*_PATH, "clusterDomain"), message, remedy, "warning", rule="network")


def _node_port(path: tuple[str, ...], number: int, remedy: str) -> Said:
    message = f"{number} is in the range of node ports, {NODE_PORTS[0]} to {NODE_PORTS[-1]}"
    return Said(path, message, remedy, rule="port")


def _ingress(ports: IngressPortsSpec) -> Iterator[Said]:
    path = (*_PATH, "ingress")
    if ports.http_port == ports.https_port:
        message = f"expected another port than httpPort, found {ports.https_port} for both"
        yield Said((*path, "httpsPort"), message, "use 80 and 443", rule="port")
    for field, number in (("httpPort", ports.http_port), ("httpsPort", ports.https_port)):
        if number in NODE_PORTS:
            yield _node_port((*path, field), number, "use a port outside of it")
    if ports.acme is not None:
        yield from _acme(ports.acme, ports.http_port)


def _acme(acme: ACMESpec, port: int) -> Iterator[Said]:
    path = (*_PATH, "ingress", "acme")
    if acme.email and not _EMAIL.fullmatch(acme.email):
        message = f"expected an e-mail address, found {shown(acme.email)}"
        yield Said((*path, "email"), message, "write it as me@example.com, or leave it out", rule="acme")
    if not _URL.fullmatch(acme.directory):
        message = f"expected an https address, found {shown(acme.directory)}"
        yield Said((*path, "directory"), message, "write the URL of the server's directory", rule="acme")
    if port != 80:
        message = f"ACME servers ask on port 80, and Ingresses are served on {port}"
        remedy = "lead port 80 to it on the router, or leave httpPort out"
        yield Said(path, message, remedy, "warning", rule="acme")
