"""Small traffics to render, and what HAProxy's tests have in common: a proxy and pods on loopback."""

from __future__ import annotations

from typing import Any

from reconciler.model.traffic import (
    Endpoint,
    EndpointState,
    IngressRoute,
    IngressTraffic,
    NodeTraffic,
    Overlay,
    RoutedPort,
    RoutedService,
)


def endpoint(name: str, ip: str, state: EndpointState = "ready", **fields: Any) -> Endpoint:
    return Endpoint(name=name, ip=ip, state=state, **{"port": 8080, "node": "pi-1", **fields})


def service(*endpoints: Endpoint, name: str = "web", http: bool = True, **fields: Any) -> RoutedService:
    port = RoutedPort(
        port=fields.pop("port", 80),
        protocol=fields.pop("protocol", "TCP"),
        node_port=fields.pop("node_port", 0),
        http=http,
        endpoints=endpoints,
    )
    return RoutedService(
        **{"namespace": "default", "name": name, "ip": "10.43.7.7", "ports": (port,), **fields}
    )


def traffic(*services: RoutedService, **fields: Any) -> NodeTraffic:
    return NodeTraffic(
        **{
            "node": "pi-1",
            "pod_range": "10.42.0.0/16",
            "pod_cidr": "10.42.1.0/24",
            "service_range": "10.43.0.0/16",
            "dns": "10.43.0.10",
            "overlay": Overlay(address="192.168.1.11", peers=("192.168.1.12",)),
            "services": services,
            **fields,
        }
    )


def route(host: str = "", path: str = "/", service: str = "web", **fields: Any) -> IngressRoute:
    return IngressRoute(
        **{
            "ingress": "default/site",
            "namespace": "default",
            "service": service,
            "port": 80,
            "host": host,
            "path": path,
            **fields,
        }
    )


def ingress(*routes: IngressRoute, **fields: Any) -> IngressTraffic:
    return IngressTraffic(routes=routes, **fields)
