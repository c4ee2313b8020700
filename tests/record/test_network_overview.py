"""Services, Ingresses and data planes in the short picture of the fleet."""

from __future__ import annotations

from typing import Any

from reconciler.model.action import Publish
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan, Step
from reconciler.record.overview import IngressLine, NodeLine, ServiceLine, overview
from tests.record.network import desired, end, endpoints_by_hand, ingress, node, routed, service, traffic
from tests.record.test_status import pod


def services(nodes: list[NodeState], *objects: Any) -> list[ServiceLine]:
    wanted = desired(*objects) if objects else None
    return list(overview("home", Observed(nodes), 100.0, desired=wanted).services)


def one(nodes: list[NodeState], *objects: Any) -> ServiceLine:
    (line,) = services(nodes, *objects)
    return line


def test_a_service_has_the_address_and_ports_that_the_nodes_were_told() -> None:
    told = traffic("pi-1", routed("web", end(), node_port=30080))
    line = one([node("pi-1", told, pod("web-new-0"), pod("web-new-1"))], service(type="NodePort"))
    assert (line.type, line.ip, line.ports) == ("NodePort", "10.43.7.7", ("80:30080/TCP",))
    assert (line.ready, line.endpoints, line.message) == (1, 2, "")


def test_what_most_nodes_were_told_counts() -> None:
    old, new = routed("web", end("old")), routed("web", end("a"), end("b", "10.42.1.6"))
    nodes = [node("pi-1", traffic("pi-1", old)), *(node(n, traffic(n, new)) for n in ("pi-2", "pi-3"))]
    assert one(nodes).ready == 2
    silent = [nodes[0], *(node(n, traffic(n, new), reachable=False) for n in ("pi-2", "pi-3"))]
    assert one(silent).ready == 1


def test_what_drains_gets_nothing_new() -> None:
    told = traffic("pi-1", routed("web", end(), end("gone", "10.42.0.6", state="draining")))
    assert one([node("pi-1", told)]).ready == 1


def test_a_load_balancer_has_the_addresses_of_all_nodes() -> None:
    told = [traffic(f"pi-{n}", routed("web", end(), addresses=(f"192.168.1.{n}",))) for n in (10, 9)]
    nodes = [node(t.node, t, pod("web-new-0", t.node)) for t in told]
    assert one(nodes, service(type="LoadBalancer")).external == ("192.168.1.9", "192.168.1.10")


def test_why_nobody_is_answered() -> None:
    bare = [node("pi-1", traffic("pi-1", routed("web")))]
    unready = [node("pi-1", traffic("pi-1", routed("web")), pod("web-new-0", ready=False))]
    served = [node("pi-1", traffic("pi-1", routed("web", end())), pod("web-new-0"))]
    balanced = service(type="LoadBalancer", loadBalancerIP="192.168.1.99")
    for nodes, wanted, said in (
        ([node("pi-1")], service(), "no node has been told of it yet"),
        (bare, service(), "no pod matches its selector"),
        (bare, service(selector=None), "it has no selector and no addresses by hand"),
        (unready, service(), "no endpoint is ready"),
        (served, balanced, "no node has the address 192.168.1.99"),
    ):
        assert one(nodes, wanted).message == said


def test_a_name_for_another_a_headless_one_and_one_by_hand() -> None:
    out = service("out", type="ExternalName", externalName="example.org", ports=[], selector=None)
    headless, hand = service("db", clusterIP="None"), service("dns", selector=None)
    told = traffic("pi-1", routed("dns", end("hand", "192.168.1.53")))
    nodes = [node("pi-1", told, pod("web-new-0"), pod("web-new-1", ready=False))]
    db, dns, other = services(nodes, out, headless, hand, endpoints_by_hand("dns", "192.168.1.53"))
    assert (db.ip, db.ready, db.endpoints, db.message) == ("None", 1, 2, "")
    assert (dns.ready, dns.endpoints, dns.message) == (1, 1, "")
    assert (other.external, other.ip, other.message) == (("example.org",), "", "")


def test_without_a_reconciler_services_are_what_the_nodes_were_told() -> None:
    line = one([node("pi-1", traffic("pi-1", routed("web", end(), node_port=30080)))])
    assert (line.type, line.ip, line.ready, line.endpoints) == ("NodePort", "10.43.7.7", 1, None)


def ingresses(nodes: list[NodeState], *objects: Any) -> list[IngressLine]:
    wanted = desired(*objects) if objects else None
    return list(overview("home", Observed(nodes), 100.0, desired=wanted).ingresses)


def test_an_ingress_has_the_addresses_of_the_nodes_that_serve_it() -> None:
    nodes = [node("pi-1", traffic("pi-1", served=True)), node("pi-2", traffic("pi-2"))]
    (line,) = ingresses(nodes, ingress(tls=[{"hosts": ["a.lan"], "secretName": "tls"}]))
    assert (line.hosts, line.addresses) == (("a.lan",), ("192.168.1.11",))
    assert (line.paths, line.tls, line.message) == (("a.lan/ -> web:80",), ("a.lan",), "")
    (told,) = ingresses(nodes)
    assert told == line


def test_an_ingress_says_what_it_lacks() -> None:
    nodes = [node("pi-1", traffic("pi-1", served=True))]
    (line,) = ingresses(nodes, ingress(tls=[{"hosts": ["a.lan"], "secretName": "gone"}]))
    assert (line.tls, line.message) == ((), "without a certificate: Secret gone")
    (line,) = ingresses([node("pi-1")], ingress())
    assert line.message == "no node serves it yet"


def nodes_of(*nodes: NodeState, behind: str = "") -> list[NodeLine]:
    publish = Publish(node=behind, because="it is new", owner=None, traffic=traffic("pi-1"))
    steps = (Step(number=1, action=publish),) if behind else ()
    seen = overview("home", Observed(nodes), 100.0, desired=desired(), plan=Plan(revision="r", steps=steps))
    return list(seen.nodes)


def test_how_the_data_planes_stand() -> None:
    told = traffic("pi-1")
    lines = nodes_of(
        node("pi-1", told),
        node("pi-2", told, complaints=("port 80 is taken",)),
        node("pi-3", data_plane=""),
        node("pi-4", told, reachable=False),
        behind="pi-2",
    )
    assert [(n.data_plane, n.traffic) for n in lines] == [
        ("running", "up to date"),
        ("running", "behind"),
        ("absent", ""),
        ("running", ""),
    ]
    assert lines[1].complaints == ("port 80 is taken",)
