"""Services: where each is reached, and how many endpoints answer. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.desired import Desired
from reconciler.model.observed import Observed
from reconciler.model.service import Service
from reconciler.model.traffic import RoutedPort, RoutedService
from reconciler.record.backends import Pods, by_hand, in_them
from reconciler.record.overview.lines import ServiceLine
from reconciler.record.published import Published, endpoints


def service_lines(desired: Desired | None, observed: Observed, network: Published) -> Iterator[ServiceLine]:
    """What is wanted, as it is published; without a revision what the nodes were last told."""
    if desired is None:
        for name, routed in network.services.items():
            yield _told(routed, network.addresses[name])
        return
    pods = Pods(observed)
    for service in desired.services.values():
        yield _wanted(service, desired, pods, network)


def _told(routed: RoutedService, addresses: tuple[str, ...]) -> ServiceLine:
    behind = endpoints(routed)
    return ServiceLine(
        namespace=routed.namespace,
        name=routed.name,
        type="NodePort" if any(p.node_port for p in routed.ports) else "ClusterIP",
        ip=routed.ip or "None",
        external=addresses,
        ports=tuple(_port(p.port, p.node_port, p.protocol) for p in routed.ports),
        ready=sum(e.state == "ready" for e in behind),
        endpoints=None,
    )


def _wanted(service: Service, desired: Desired, pods: Pods, network: Published) -> ServiceLine:
    name = service.metadata.namespace, service.metadata.name
    routed = network.services.get(name)
    ready, every = _counts(service, desired, pods, routed)
    external = external_addresses(service, network)
    return ServiceLine(
        namespace=name[0],
        name=name[1],
        type=service.spec.type,
        ip=cluster_ip(service, routed),
        external=external,
        ports=_ports(service, routed),
        ready=ready,
        endpoints=every,
        message=_message(service, routed, external, ready, every),
    )


def cluster_ip(service: Service, routed: RoutedService | None) -> str:
    """The one it has; empty while it has none."""
    if service.spec.type == "ExternalName":
        return ""
    if service.headless:
        return "None"
    return (routed.ip if routed else "") or service.spec.cluster_ip


def external_addresses(service: Service, network: Published) -> tuple[str, ...]:
    """A name for ExternalName; externalIPs as they are wanted; a LoadBalancer's where a node serves it."""
    spec = service.spec
    if spec.type == "ExternalName":
        return (spec.external_name,)
    name = service.metadata.namespace, service.metadata.name
    served = network.addresses.get(name, ()) if spec.type == "LoadBalancer" else ()
    return tuple(dict.fromkeys((*served, *spec.external_ips)))


def _counts(
    service: Service, desired: Desired, pods: Pods, routed: RoutedService | None
) -> tuple[int, int | None]:
    if service.spec.type == "ExternalName":
        return 0, None
    hand = in_them(by_hand(service.key, desired.addresses))
    mine = pods.of(service)
    every = len({p.key for p in mine}) + len(hand.every)
    if routed is not None:
        return sum(e.state == "ready" for e in endpoints(routed)), every
    if not service.headless:
        return 0, every
    unready_too = service.spec.publish_not_ready_addresses
    alive = {p.key for p in mine if unready_too or (p.ready and not p.terminating)}
    return len(alive) + len(hand.ready), every


def _ports(service: Service, routed: RoutedService | None) -> tuple[str, ...]:
    assigned = {(p.port, p.protocol): p for p in routed.ports} if routed else {}
    found = []
    for port in service.spec.ports:
        told: RoutedPort | None = assigned.get((port.port, port.protocol))  # type: ignore[arg-type] # SCTP
        found.append(_port(port.port, told.node_port if told else port.node_port, port.protocol))
    return tuple(found)


def _port(port: int, node_port: int, protocol: str) -> str:
    return f"{port}:{node_port}/{protocol}" if node_port else f"{port}/{protocol}"


def _message(
    service: Service, routed: RoutedService | None, external: tuple[str, ...], ready: int, every: int | None
) -> str:
    """The first thing that keeps clients from being answered."""
    spec = service.spec
    if spec.type == "ExternalName":
        return ""
    if routed is None and not service.headless:
        return "no node has been told of it yet"
    if not every:
        return (
            "no pod matches its selector" if spec.selector else "it has no selector and no addresses by hand"
        )
    if not ready:
        return "no endpoint is ready"
    if spec.type == "LoadBalancer" and not external:
        return (
            f"no node has the address {spec.load_balancer_ip}"
            if spec.load_balancer_ip
            else "no node serves it"
        )
    return ""
