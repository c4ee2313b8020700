"""One service: its ports, and which of its backers is an endpoint of which."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network
from typing import Literal

import msgspec

from reconciler.decide.delivery.split import Split
from reconciler.decide.network.backers import Backer
from reconciler.decide.network.shared import serves, slot_of, weighed
from reconciler.decide.survey import NodeView
from reconciler.model.base import Value
from reconciler.model.labels import PROXY_PROTOCOL_ANNOTATION
from reconciler.model.meta import Key
from reconciler.model.pod import PodSpec
from reconciler.model.service import Service, ServicePort
from reconciler.model.traffic import Endpoint, EndpointState, RoutedPort, RoutedService, Slot

AFFINITY_S = 10800
"""Kubernetes: sessionAffinityConfig.clientIP.timeoutSeconds."""
_HTTP = ("http", "kubernetes.io/ws")
_HTTP_NAMES = ("http", "web")
_HTTP_PORTS = (80, 8080, 8000)

PortNumbers = dict[tuple[int, str], int]
"""Node ports by a service port's number and protocol."""


class Part(Value):
    """A service's part in a delivery, and the slot that serves. `parting`: endpoints that get nothing new any
    more, with their slots; what they are answering goes on until they end.
    """

    split: Split | None = None
    live: Slot = ""
    parting: dict[tuple[str, str], Slot] = {}


ALONE = Part()


def routed(
    service: Service, ip: str, node_ports: PortNumbers, backers: tuple[Backer, ...], part: Part = ALONE
) -> RoutedService:
    """The same for every node but for `addresses`."""
    spec, meta = service.spec, service.metadata
    config = spec.session_affinity_config
    timeout = config.client_ip.timeout_seconds if config and config.client_ip else AFFINITY_S
    return RoutedService(
        namespace=meta.namespace,
        name=meta.name,
        ip=ip,
        ports=tuple(
            RoutedPort(
                port=port.port,
                name=port.name,
                protocol=port.protocol,
                node_port=node_ports.get((port.port, port.protocol), 0),
                http=is_http(port),
                endpoints=_endpoints(service, port, backers, part),
            )
            for port in spec.ports
            if port.protocol != "SCTP"
        ),
        affinity_seconds=timeout if spec.session_affinity == "ClientIP" else 0,
        internal_local=spec.internal_traffic_policy == "Local",
        external_local=spec.external_traffic_policy == "Local",
        source_ranges=tuple(
            sorted(str(IPv4Network(text.strip(), strict=False)) for text in spec.load_balancer_source_ranges)
        ),
        proxy_protocol=_proxy_protocol(meta.annotations.get(PROXY_PROTOCOL_ANNOTATION, "")),
        live=part.live,
        header_routes=part.split.header_routes if part.split else (),
    )


def is_http(port: ServicePort) -> bool:
    """Whether HTTP/1 may be looked for on it: a guess that only costs a look where it is wrong."""
    if port.protocol != "TCP":
        return False
    if port.app_protocol:
        return port.app_protocol in _HTTP
    if port.name:
        return port.name in _HTTP_NAMES or port.name.startswith(tuple(f"{n}-" for n in _HTTP_NAMES))
    return port.port in _HTTP_PORTS or port.target_port in _HTTP_PORTS


def _endpoints(
    service: Service, port: ServicePort, backers: Iterable[Backer], part: Part
) -> tuple[Endpoint, ...]:
    found: dict[tuple[str, str], tuple[Backer, Endpoint]] = {}
    for backer in backers:
        place, here = (backer.name, backer.ip), serves(part.split, backer)
        state, number = endpoint_state(service, backer), _target(port, backer)
        if state is None or not number or not (here or place in part.parting):
            continue
        end = Endpoint(
            name=backer.name,
            ip=backer.ip,
            port=number,
            node=backer.node,
            state=state,
            slot=slot_of(part.split, part.live, backer),
        )
        found[place] = backer, end if here else _parting(end, part.parting[place])
    return weighed(part.split, [found[key] for key in sorted(found)])


def _parting(end: Endpoint, slot: Slot) -> Endpoint:
    """It stays in the slot that it has: to move it would cut what is open to it."""
    return msgspec.structs.replace(end, state="draining", weight=0, slot=end.slot and (slot or end.slot))


def endpoint_state(service: Service, backer: Backer) -> EndpointState | None:
    if backer.fitness == "unready":
        if service.spec.publish_not_ready_addresses:
            return "ready"
        return "draining" if backer.held else None
    return backer.fitness


def _target(port: ServicePort, backer: Backer) -> int:
    """The number behind `targetPort`; 0 when this pod has no such port (Kubernetes leaves it out, too)."""
    if backer.spec is None:
        own = backer.ports.get(port.name)
        return _number(port) if own == 0 else own or 0
    if isinstance(port.target_port, str):
        return _named(backer.spec, port.target_port, port.protocol)
    return port.target_port or port.port


def _number(port: ServicePort) -> int:
    return port.target_port if isinstance(port.target_port, int) and port.target_port else port.port


def _named(spec: PodSpec, name: str, protocol: str) -> int:
    if name.isdecimal():
        return int(name)
    ports = (p for c in spec.every_container() for p in c.ports)
    return next((p.container_port for p in ports if (p.name, p.protocol) == (name, protocol)), 0)


def _proxy_protocol(text: str) -> Literal["", "v1", "v2"]:
    return text if text in ("v1", "v2") else ""  # type: ignore[return-value]  # it is one of these


def addressed(service: Service) -> bool:
    return service.spec.type == "LoadBalancer" or bool(service.spec.external_ips)


def asked_addresses(service: Service) -> tuple[str, ...]:
    """The addresses that it names itself."""
    spec = service.spec
    balancer = (spec.load_balancer_ip,) if spec.type == "LoadBalancer" and spec.load_balancer_ip else ()
    return tuple(dict.fromkeys((*balancer, *spec.external_ips)))


def addresses_on(service: Service, view: NodeView, own: str) -> tuple[str, ...]:
    """On which of this node's addresses its ports are open as they are. `own` is the node's internal one."""
    has = {*view.state.facts.addresses, own}
    found = {ip for ip in asked_addresses(service) if ip in has}
    if service.spec.type == "LoadBalancer" and not service.spec.load_balancer_ip and own:
        found.add(own)
    return tuple(sorted(found))


def with_addresses(service: RoutedService, addresses: tuple[str, ...]) -> RoutedService:
    return msgspec.structs.replace(service, addresses=addresses) if addresses else service


def key_of(service: RoutedService) -> Key:
    return Key("Service", service.namespace, service.name)
