"""Who answers for a service, as Endpoints (core/v1) and EndpointSlice (discovery.k8s.io/v1) show it.

Pods by selector are ours to tell, ready or not; addresses by hand are shown as their manifest has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import NamedTuple

from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from reconciler.model.service import SERVICE_NAME_LABEL, Service, ServicePort
from reconciler.model.traffic import RoutedService
from reconciler.record.metadata import Shown, metadata, uid, without_empty
from reconciler.record.service_status import ServiceSight
from reconciler.record.shape import shape

MANAGED_BY = {"endpointslice.kubernetes.io/managed-by": "reconciler.io"}


class _End(NamedTuple):
    """One pod behind a service. `ready` gets new connections; `serving` would answer."""

    pod: PodState
    ip: str
    ready: bool
    serving: bool
    terminating: bool


def endpoint_objects(fleet: str, sight: ServiceSight) -> Iterator[Shown]:
    """None for ExternalName, and none of ours for a service without a selector."""
    for hand in sight.hand:
        meta = metadata(fleet, hand.key, created_at=None, labels=hand.metadata.labels)
        yield {**shape(hand), "metadata": meta}
    service = sight.wanted
    if service.spec.type == "ExternalName" or not service.spec.selector:
        return
    found = zip(sight.pods, sight.ips, strict=True)
    ends = [_end(pod, ip, service, sight.routed) for pod, ip in found if ip]
    yield _endpoints(fleet, service, ends)
    groups = _by_ports(service, ends) or {(): []}
    for ports, group in groups.items():
        yield _slice(fleet, service, ports, group)


_Ports = tuple[tuple[str, str, int], ...]
"""Of each port of the service its name, protocol and number in the pod."""


def _end(pod: PodState, ip: str, service: Service, routed: RoutedService | None) -> _End:
    """Kubernetes: a terminating pod isn't ready, and serves as long as its readiness holds."""
    draining = {e.ip for p in routed.ports for e in p.endpoints if e.state == "draining"} if routed else set()
    going = pod.terminating or ip in draining
    always = service.spec.publish_not_ready_addresses
    return _End(pod, ip, always or (pod.ready and not going), always or pod.ready, going)


def _by_ports(service: Service, ends: Iterable[_End]) -> dict[_Ports, list[_End]]:
    """A named targetPort may be another number in another pod; each such group stands for itself.

    Kubernetes: a pod that has none of the ports is no endpoint.
    """
    found: dict[_Ports, list[_End]] = {}
    for end in ends:
        ports = _ports(service, end.pod)
        if ports or not service.spec.ports:
            found.setdefault(ports, []).append(end)
    return dict(sorted(found.items()))


def _ports(service: Service, pod: PodState) -> _Ports:
    numbers = ((p, _number(p, pod)) for p in service.spec.ports)
    return tuple((p.name, p.protocol, number) for p, number in numbers if number)


def _number(port: ServicePort, pod: PodState) -> int:
    """0: the pod has no port of that name."""
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    held = (p for c in pod.record.spec.every_container() for p in c.ports)
    return next((p.container_port for p in held if (p.name, p.protocol) == (target, port.protocol)), 0)


def _endpoints(fleet: str, service: Service, ends: list[_End]) -> Shown:
    subsets = []
    for ports, group in _by_ports(service, ends).items():
        # Kubernetes leaves terminating pods out of Endpoints; slices tell of them.
        ready = [_address(fleet, e) for e in group if e.ready]
        waiting = [_address(fleet, e) for e in group if not e.ready and not e.terminating]
        if ready or waiting:
            held = {"addresses": ready, "notReadyAddresses": waiting, "ports": _shown_ports(ports)}
            subsets.append(without_empty(held))
    key = Key("Endpoints", service.metadata.namespace, service.metadata.name)
    meta = metadata(fleet, key, created_at=None, labels=service.metadata.labels)
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, **without_empty({"subsets": subsets})}


def _slice(fleet: str, service: Service, ports: _Ports, ends: list[_End]) -> Shown:
    meta = service.metadata
    digest = sha256(repr((meta.namespace, meta.name, ports)).encode()).hexdigest()[:5]
    key = Key("EndpointSlice", meta.namespace, f"{meta.name}-{digest}")
    labels = {**meta.labels, **MANAGED_BY, SERVICE_NAME_LABEL: meta.name}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata(fleet, key, created_at=None, labels=labels, owner=service.key),
        "addressType": "IPv4",
        "endpoints": [_sliced(fleet, end) for end in ends],
        "ports": _shown_ports(ports),
    }


def _sliced(fleet: str, end: _End) -> Shown:
    conditions = {"ready": end.ready, "serving": end.serving, "terminating": end.terminating}
    return {"addresses": [end.ip], "conditions": conditions, **_who(fleet, end.pod)}


def _address(fleet: str, end: _End) -> Shown:
    return {"ip": end.ip, **_who(fleet, end.pod)}


def _who(fleet: str, pod: PodState) -> Shown:
    key = pod.key
    reference = {"kind": "Pod", "namespace": key.namespace, "name": key.name, "uid": uid(fleet, key)}
    # Kubernetes: only a pod of a subdomain has a name of its own there.
    hostname = (pod.record.spec.hostname or key.name) if pod.record.spec.subdomain else ""
    return without_empty({"hostname": hostname, "nodeName": pod.node, "targetRef": reference})


def _shown_ports(ports: _Ports) -> list[Shown]:
    return [without_empty({"name": n, "port": number, "protocol": p}) for n, p, number in ports]
