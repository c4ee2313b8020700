"""Services, Ingresses and what nodes were told of them, for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.model.desired import Desired
from reconciler.model.ingress import Ingress
from reconciler.model.observed import NodeState, PodState
from reconciler.model.revision import Revision
from reconciler.model.service import Endpoints, Service
from reconciler.model.traffic import (
    Certificate,
    Endpoint,
    IngressRoute,
    IngressTraffic,
    NodeTraffic,
    Overlay,
    RoutedPort,
    RoutedService,
)
from tests.record.test_status import FLEET


def service(name: str = "web", **spec: Any) -> Service:
    plain = {"selector": {"app": "web"}, "ports": [{"port": 80, "name": "http"}]}
    whole = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"}}
    return msgspec.convert({**whole, "spec": plain | spec}, Service)


def endpoints_by_hand(name: str, *ips: str) -> Endpoints:
    subset = {"addresses": [{"ip": ip} for ip in ips], "ports": [{"port": 53, "protocol": "UDP"}]}
    whole = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name, "namespace": "default"}}
    return msgspec.convert({**whole, "subsets": [subset]}, Endpoints)


def ingress(name: str = "site", **spec: Any) -> Ingress:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    plain = {"rules": [{"host": "a.lan", "http": {"paths": [path]}}]}
    whole = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "default"},
    }
    return msgspec.convert({**whole, "spec": plain | spec}, Ingress)


def desired(*objects: Any) -> Desired:
    def of(*kinds: str) -> dict[Any, Any]:
        return {o.key: o for o in sorted(objects, key=lambda o: o.key) if o.kind in kinds}

    return Desired(
        fleet=FLEET,
        revision=Revision(id="r" * 40),
        services=of("Service"),
        addresses=of("Endpoints", "EndpointSlice"),
        ingresses=of("Ingress"),
    )


def routed(name: str = "web", *ends: Endpoint, node_port: int = 0, **more: Any) -> RoutedService:
    port = RoutedPort(port=80, name="http", node_port=node_port, endpoints=ends)
    return RoutedService(namespace="default", name=name, **{"ip": "10.43.7.7", "ports": (port,)} | more)


def end(name: str = "web-new-0", ip: str = "10.42.0.5", **more: Any) -> Endpoint:
    return Endpoint(name=name, ip=ip, port=8080, **more)


def traffic(node: str, *services: RoutedService, served: bool = False) -> NodeTraffic:
    route = IngressRoute(ingress="default/site", namespace="default", service="web", port=80, host="a.lan")
    certificate = Certificate(namespace="default", secret="tls", digest="d", hosts=("a.lan",))
    return NodeTraffic(
        node=node,
        pod_range="10.42.0.0/16",
        pod_cidr="10.42.1.0/24",
        service_range="10.43.0.0/16",
        dns="10.43.0.10",
        overlay=Overlay(address=f"192.168.1.1{node[-1]}"),
        services=services,
        ingress=IngressTraffic(routes=(route,), certificates=(certificate,)) if served else None,
    )


def node(name: str, told: NodeTraffic | None = None, *pods: PodState, **more: Any) -> NodeState:
    plain: dict[str, Any] = {"reachable": True, "data_plane": "running"}
    return NodeState(name=name, traffic=told, pods=pods, **(plain | more))
