"""A service as `kubectl get service -o yaml` shows it (core/v1 Service), with the addresses it was given."""

from __future__ import annotations

from reconciler.model.base import Value
from reconciler.model.kinds import Addresses
from reconciler.model.observed import PodState
from reconciler.model.service import Service, ServicePort
from reconciler.model.traffic import RoutedService
from reconciler.record.metadata import Shown, metadata, without_empty
from reconciler.record.shape import shape


class ServiceSight(Value):
    """All that a service's objects show. `addresses` are the nodes' that serve it; `hand` what a manifest
    names.
    """

    wanted: Service
    routed: RoutedService | None
    addresses: tuple[str, ...]
    pods: tuple[PodState, ...]
    ips: tuple[str, ...]
    """Of each pod; its node's on the host's network, "" where that isn't known."""
    hand: tuple[Addresses, ...]

    def is_like(self, other: ServiceSight) -> bool:
        """Pods by identity: observed states share what didn't change."""
        return (
            len(self.pods) == len(other.pods)
            and all(a is b for a, b in zip(self.pods, other.pods, strict=True))
            and self.wanted == other.wanted
            and self.routed == other.routed
            and self.addresses == other.addresses
            and self.ips == other.ips
            and self.hand == other.hand
        )


def service_object(fleet: str, sight: ServiceSight) -> Shown:
    wanted = sight.wanted
    meta = wanted.metadata
    served = sight.addresses if wanted.spec.type == "LoadBalancer" else ()
    ingress = [{"ip": address, "ipMode": "VIP"} for address in served]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(
            fleet, wanted.key, created_at=None, labels=meta.labels, annotations=meta.annotations
        ),
        "spec": _spec(wanted, sight.routed),
        "status": {"loadBalancer": without_empty({"ingress": ingress})},
    }


def _spec(wanted: Service, routed: RoutedService | None) -> Shown:
    spec: Shown = shape(wanted.spec)
    if not wanted.spec.health_check_node_port:
        spec.pop("healthCheckNodePort", None)
    if wanted.spec.type == "ExternalName":
        spec.pop("internalTrafficPolicy", None)
        spec.pop("allocateLoadBalancerNodePorts", None)
        return spec
    if wanted.spec.type != "LoadBalancer":
        spec.pop("allocateLoadBalancerNodePorts", None)
    ip = "None" if wanted.headless else (routed.ip if routed else "") or wanted.spec.cluster_ip
    given = {"clusterIP": ip, "clusterIPs": [ip] if ip else []}
    ports = [_port(port, routed) for port in wanted.spec.ports]
    families = {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}
    outside = wanted.spec.type != "ClusterIP" or bool(wanted.spec.external_ips)
    policy = wanted.spec.external_traffic_policy or ("Cluster" if outside else "")
    return {**spec, **families, **without_empty({**given, "ports": ports, "externalTrafficPolicy": policy})}


def _port(port: ServicePort, routed: RoutedService | None) -> Shown:
    """Kubernetes: a targetPort that is left out is the port."""
    told = routed.ports if routed else ()
    assigned = next((p.node_port for p in told if (p.port, p.protocol) == (port.port, port.protocol)), 0)
    shown: Shown = shape(port)
    return {
        **shown,
        "protocol": port.protocol,
        "targetPort": port.target_port or port.port,
        **without_empty({"nodePort": assigned or port.node_port}),
    }
