"""Rules about one Service alone. Source: Kubernetes' core validation, ValidateService."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.rules import addresses, metadata
from reconciler.manifests.said import Said, shown
from reconciler.model.labels import PROXY_PROTOCOL_ANNOTATION
from reconciler.model.names import DNS_SUBDOMAIN, PORT_NAME
from reconciler.model.service import Service, ServicePort

NODE_PORTS = range(30000, 32768)
"""Kubernetes: the default of --service-node-port-range."""
_EXPOSED = ("NodePort", "LoadBalancer")
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PORT_NAME = re.compile(PORT_NAME)
_NAME = re.compile(DNS_SUBDOMAIN)
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_BALANCER_IPS = (
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/loadBalancerIPs",
    "kube-vip.io/loadbalancerIPs",
    "lbipam.cilium.io/ips",
    "io.cilium/lb-ipam-ips",
)
"""How other load balancers are told the address."""


def check(item: Service) -> Iterator[Said]:
    yield from metadata.notes(item.spec, ("spec",))
    yield from _name(item)
    yield from _annotations(item)
    yield from _type(item)
    yield from _ports(item)
    yield from _cluster_ip(item)
    yield from _families(item)
    yield from _outside(item)
    yield from _affinity(item)


def _name(item: Service) -> Iterator[Said]:
    name = item.metadata.name
    if name and (len(name) > 63 or not _DNS_1035.fullmatch(name)):
        message = f"expected a DNS label that begins with a letter, found {shown(name)}"
        remedy = "it becomes a name in DNS: up to 63 lowercase letters, digits and '-'"
        yield Said(("metadata", "name"), message, remedy, rule="name")


def _annotations(item: Service) -> Iterator[Said]:
    given = item.metadata.annotations
    path = ("metadata", "annotations")
    if given.get(PROXY_PROTOCOL_ANNOTATION, "v1") not in ("v1", "v2"):
        message = f"expected v1 or v2, found {shown(given[PROXY_PROTOCOL_ANNOTATION])}"
        remedy = "write the version that the program in the pods expects"
        yield Said((*path, PROXY_PROTOCOL_ANNOTATION), message, remedy, rule="annotation")
    if given.get(_RANGES) and not item.spec.load_balancer_source_ranges:
        message = "isn't read, and everybody could come in"
        yield Said((*path, _RANGES), message, "write spec.loadBalancerSourceRanges", rule="annotation")
    for name in _BALANCER_IPS:
        if name in given and not item.spec.load_balancer_ip:
            why, remedy = "has no effect here", "write spec.loadBalancerIP, or spec.externalIPs for several"
            yield Said((*path, name), why, remedy, "warning", rule="annotation")


def _type(item: Service) -> Iterator[Said]:
    spec = item.spec
    if spec.type == "ExternalName":
        yield from _external_name(item)
    elif spec.external_name:
        message = f"has no effect: the type is {spec.type}"
        yield Said(("spec", "externalName"), message, "write type: ExternalName", "warning", rule="no-effect")
    if item.headless and spec.type in _EXPOSED:
        message = f"None isn't allowed with type {spec.type}"
        yield Said(
            ("spec", "clusterIP"), message, "remove it: such a Service needs an address", rule="service"
        )


def _external_name(item: Service) -> Iterator[Said]:
    spec = item.spec
    name = spec.external_name.removesuffix(".")
    if not _NAME.fullmatch(name) or len(name) > 253:
        message = f"expected a DNS name, found {shown(spec.external_name)}"
        yield Said(("spec", "externalName"), message, "write it as nas.example.com", rule="service")
    elif name.replace(".", "").isdigit():
        message = f"{name} is an address, and DNS would look for a name"
        remedy = "leave type and selector out, and write Endpoints of the same name with the address"
        yield Said(("spec", "externalName"), message, remedy, rule="service")
    if spec.cluster_ip:
        message = "isn't allowed with type ExternalName"
        yield Said(("spec", "clusterIP"), message, "remove it", rule="service")
    if spec.selector:
        message = "has no effect: an ExternalName Service is another name and leads to no pods"
        yield Said(("spec", "selector"), message, "remove it", "warning", rule="no-effect")


def _ports(item: Service) -> Iterator[Said]:
    spec = item.spec
    if not spec.ports and not item.headless and spec.type != "ExternalName":
        message, remedy = (
            "is missing, expected at least one port",
            "add one; only headless Services need none",
        )
        yield Said(("spec", "ports"), message, remedy, rule="required")
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    node_ports: set[tuple[int, str]] = set()
    for index, port in enumerate(spec.ports):
        at = ("spec", "ports", index)
        yield from _port(port, at, item)
        if not port.name and len(spec.ports) > 1:
            message = "is missing; with several ports, each needs a name"
            yield Said((*at, "name"), message, "add one, such as http", rule="required")
        elif port.name and port.name in names:
            message = f'a second port is called "{port.name}"'
            yield Said((*at, "name"), message, "give each its own name", rule="duplicate")
        if (port.port, port.protocol) in numbers:
            message = f"port {port.port}/{port.protocol} stands here twice"
            yield Said((*at, "port"), message, "remove one", rule="duplicate")
        if port.node_port and (port.node_port, port.protocol) in node_ports:
            message = f"node port {port.node_port}/{port.protocol} stands here twice"
            yield Said((*at, "nodePort"), message, "use another one", rule="duplicate")
        names.add(port.name)
        numbers.add((port.port, port.protocol))
        node_ports.add((port.node_port, port.protocol))


def _port(port: ServicePort, at: tuple[str | int, ...], item: Service) -> Iterator[Said]:
    target = port.target_port
    if port.protocol == "SCTP":
        message = "SCTP isn't supported: the nodes pass on TCP and UDP"
        yield Said((*at, "protocol"), message, "write TCP or UDP", rule="unsupported")
    if target == 0 or (isinstance(target, str) and not (target.isdigit() or is_port_name(target))):
        message = f"expected a port's number or name, found {shown(target)}"
        yield Said((*at, "targetPort"), message, "write a container port's name, or 1 to 65535", rule="port")
    elif isinstance(target, str) and target.isdigit():
        message = f"expected a number or a name, found {shown(target)}"
        yield Said((*at, "targetPort"), message, "remove the quotes", rule="port")
    if not port.node_port:
        return
    if item.spec.type not in _EXPOSED:
        message = f"isn't allowed with type {item.spec.type}"
        yield Said((*at, "nodePort"), message, "write type: NodePort, or remove it", rule="port")
    elif port.node_port not in NODE_PORTS:
        message = f"expected {NODE_PORTS[0]} to {NODE_PORTS[-1]}, found {port.node_port}"
        remedy = "for a port of its own number use type LoadBalancer, which opens `port` on the nodes"
        yield Said((*at, "nodePort"), message, remedy, rule="port")
    elif item.spec.type == "LoadBalancer" and not item.spec.allocate_load_balancer_node_ports:
        message = "contradicts allocateLoadBalancerNodePorts: false"
        yield Said((*at, "nodePort"), message, "remove one of the two", "warning", rule="port")


def is_port_name(name: str) -> bool:
    return len(name) <= 15 and bool(_PORT_NAME.fullmatch(name))


def _cluster_ip(item: Service) -> Iterator[Said]:
    spec = item.spec
    if spec.cluster_ip and not item.headless:
        yield from addresses.host(spec.cluster_ip, ("spec", "clusterIP"))
    if spec.cluster_ips and spec.cluster_ips[0] != spec.cluster_ip:
        message = (
            f"expected the same as clusterIP ({shown(spec.cluster_ip)}), found {shown(spec.cluster_ips[0])}"
        )
        yield Said(("spec", "clusterIPs", 0), message, "write clusterIP alone", rule="service")
    if len(spec.cluster_ips) > 1:
        message = "a second address isn't supported: there is no IPv6 here"
        yield Said(("spec", "clusterIPs", 1), message, "remove it", rule="unsupported")


def _families(item: Service) -> Iterator[Said]:
    spec = item.spec
    if spec.ip_families and "IPv4" not in spec.ip_families:
        message = "IPv6 alone isn't supported: pods have IPv4 addresses"
        yield Said(("spec", "ipFamilies"), message, "write IPv4, or remove the field", rule="unsupported")
    if spec.ip_family_policy == "RequireDualStack":
        message = "RequireDualStack isn't supported: pods have IPv4 addresses only"
        remedy = "write SingleStack, or PreferDualStack for manifests that also run elsewhere"
        yield Said(("spec", "ipFamilyPolicy"), message, remedy, rule="unsupported")
    elif spec.ip_family_policy == "PreferDualStack":
        why = "is IPv4 alone here: pods have no IPv6 addresses"
        yield Said(("spec", "ipFamilyPolicy"), why, severity="note", rule="no-effect")


def _outside(item: Service) -> Iterator[Said]:
    """What is for those who come from outside the fleet."""
    spec = item.spec
    for index, address in enumerate(spec.external_ips):
        yield from addresses.host(address, ("spec", "externalIPs", index))
    if spec.load_balancer_ip:
        yield from addresses.host(spec.load_balancer_ip, ("spec", "loadBalancerIP"))
    for index, text in enumerate(spec.load_balancer_source_ranges):
        yield from addresses.network4(text, ("spec", "loadBalancerSourceRanges", index))
    if spec.type != "LoadBalancer":
        for field, given in (
            ("loadBalancerSourceRanges", bool(spec.load_balancer_source_ranges)),
            ("loadBalancerClass", bool(spec.load_balancer_class)),
            ("allocateLoadBalancerNodePorts", not spec.allocate_load_balancer_node_ports),
        ):
            if given:
                message = f"isn't allowed with type {spec.type}"
                yield Said(("spec", field), message, "write type: LoadBalancer, or remove it", rule="service")
        if spec.load_balancer_ip:
            message = f"has no effect: the type is {spec.type}"
            remedy = "write type: LoadBalancer, or use externalIPs"
            yield Said(("spec", "loadBalancerIP"), message, remedy, "warning", rule="no-effect")
    if spec.external_traffic_policy and spec.type not in _EXPOSED and not spec.external_ips:
        message = f"isn't allowed with type {spec.type}: nobody comes from outside"
        yield Said(("spec", "externalTrafficPolicy"), message, "remove it", rule="service")


def _affinity(item: Service) -> Iterator[Said]:
    """The time-out's own bounds, 1 s to a day, are the type's."""
    if item.spec.session_affinity_config and item.spec.session_affinity != "ClientIP":
        message = "isn't allowed with sessionAffinity None"
        remedy = "write sessionAffinity: ClientIP, or remove it"
        yield Said(("spec", "sessionAffinityConfig"), message, remedy, rule="service")
