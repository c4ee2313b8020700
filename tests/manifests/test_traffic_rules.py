"""Rules about Services, Ingresses and the inventory together: ranges, the nodes' ports, the network switched off."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.model.fleet import Fleet
from tests.decide.builders import fleet
from tests.manifests.build import assert_only, deployment, ingress, lines, load, service

P = "spec.template.spec.containers[0].ports[0]"
PORTS = "ports: [{port: 80}]\n"


def network(**settings: Any) -> Fleet:
    labelled = {"name": "door", "labels": {"reconciler.io/ingress": "true"}}
    return fleet(labelled, {"name": "b"}, network={"enabled": True, **settings})


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.96.0.50", "spec.clusterIP: 10.96.0.50 isn't in the service range, 10.43.0.0/16 (spec.network.serviceCIDR in nodes.yaml)"),
        ("10.43.0.10", "spec.clusterIP: 10.43.0.10 is the name server's"),
        ("10.43.0.0", "spec.clusterIP: 10.43.0.0 is the range's own"),
        ("10.43.0.50", ""),
    ],
)  # fmt: skip
def test_a_cluster_ip_is_in_the_service_range(tmp_path: Path, address: str, expected: str) -> None:
    found = lines(load(tmp_path, deployment(), service(f"{PORTS}clusterIP: {address}"), fleet=network()))
    assert found == [expected] * bool(expected)


OFF = [
    (service(), "Service"),
    (ingress(), "Ingress"),
    ("apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n", "Endpoints"),
    (
        (
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
            "metadata: {name: web, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\n"
        ),
        "EndpointSlice",
    ),
]


@pytest.mark.parametrize(("text", "kind"), OFF, ids=[kind for _, kind in OFF])
def test_without_the_network_there_are_none(tmp_path: Path, text: str, kind: str) -> None:
    loaded = load(tmp_path, deployment(), text, fleet=network(enabled=False))
    (error,) = loaded.errors
    assert error.message.startswith(
        ("a " if kind == "Service" else "an ") + kind + " needs the fleet's network"
    )
    assert "spec.network.enabled is false in nodes.yaml" in error.message


def test_without_the_network_other_kinds_are_fine(tmp_path: Path) -> None:
    kind = "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\n"
    assert lines(load(tmp_path, deployment(), kind, fleet=network(enabled=False))) == []


def test_a_load_balancer_on_the_port_of_ingresses(tmp_path: Path) -> None:
    balancer = service("type: LoadBalancer\nports: [{port: 80, name: a}, {port: 8080, name: b}]")
    texts = [deployment(), service(name="plain"), balancer.replace("name: web", "name: proxy", 1)]
    route = ingress(path="{path: /, pathType: Prefix, backend: {service: {name: plain, port: {number: 80}}}}")
    assert lines(load(tmp_path, *texts, fleet=network())) == []
    found = load(tmp_path, *texts, route, fleet=network()).findings
    assert [(f.path, f.severity, f.message) for f in found] == [
        ("spec.ports[0].port", "error", "port 80/TCP of the nodes is where Ingresses are served")
    ]
    assert "spec.network.ingress.httpPort" in found[0].remedy
    moved = network(ingress={"httpPort": 8081, "httpsPort": 8443})
    assert lines(load(tmp_path, *texts, route, fleet=moved)) == []


HELD = [
    ("port: 80", PORTS + "type: LoadBalancer", 80, "Service default/web"),
    ("a node port", "type: NodePort\nports: [{port: 80, nodePort: 30080}]", 30080, "Service default/web"),
]


@pytest.mark.parametrize(("spec", "number", "whose"), [row[1:] for row in HELD], ids=[row[0] for row in HELD])
def test_a_host_port_that_a_service_holds(tmp_path: Path, spec: str, number: int, whose: str) -> None:
    text = deployment(container=f"ports: [{{containerPort: 8080, hostPort: {number}}}]")
    found = lines(load(tmp_path, text, service(spec), fleet=network()))
    assert_only(found, f"{P}.hostPort: warning: port {number}/TCP of the nodes is held by {whose}, too")


def test_a_host_port_that_ingresses_hold_on_this_node(tmp_path: Path) -> None:
    pods = {
        name: deployment(f"nodeName: {name}\nhostNetwork: true", container="ports: [{containerPort: 443}]", spec="strategy: {type: Recreate}")
        for name in ("door", "b")
    }  # fmt: skip
    found = lines(load(tmp_path, pods["door"], service(), ingress(), fleet=network()))
    assert_only(found, f"{P}.containerPort: warning: port 443/TCP of the nodes is held by Ingresses, too")
    assert lines(load(tmp_path, pods["b"], service(), ingress(), fleet=network())) == []


def test_a_certificate_asked_of_nobody(tmp_path: Path) -> None:
    text = ingress(
        meta="annotations: {kubernetes.io/tls-acme: 'true'}", spec="tls: [{hosts: [a.lan], secretName: c}]"
    )
    found = lines(load(tmp_path, deployment(), service(), text, fleet=network()))
    assert_only(
        found,
        "metadata.annotations[kubernetes.io/tls-acme]: warning: has no effect: nodes.yaml names no ACME",
    )
    asked = network(ingress={"acme": {"email": "me@example.com"}})
    assert lines(load(tmp_path, deployment(), service(), text, fleet=asked)) == []
