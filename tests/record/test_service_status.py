"""Services, Endpoints, EndpointSlices and Ingresses as kubectl reads them."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.model.container import Container, ContainerPort
from reconciler.model.observed import NodeFacts, NodeState, Observed, PodState
from reconciler.model.progress import Progress
from reconciler.record.metadata import Shown
from reconciler.record.status import Portrait, objects
from tests.record.network import desired, end, endpoints_by_hand, ingress, node, routed, service, traffic
from tests.record.test_status import pod


def shown(nodes: list[NodeState], *wanted: Any) -> dict[str, Shown]:
    """Every object by `Kind/name`; slices by `EndpointSlice/service`."""
    found = objects(desired(*wanted), Observed(nodes), Progress(), None, 200.0)

    def name(of: Shown) -> str:
        own: str = of["metadata"]["name"]
        return (
            own.rpartition("-")[0]
            if of["kind"] == "EndpointSlice" and "ownerReferences" in of["metadata"]
            else own
        )

    return {f"{o['kind']}/{name(o)}": o for o in found}


def seen(*pods: PodState, **more: Any) -> list[NodeState]:
    return [node("pi-1", traffic("pi-1", routed("web", end(), **more)), *pods)]


def with_port(of: PodState, name: str, number: int) -> PodState:
    held = (Container(name="main", image="web:1", ports=(ContainerPort(container_port=number, name=name),)),)
    spec = msgspec.structs.replace(of.record.spec, containers=held)
    return msgspec.structs.replace(of, record=msgspec.structs.replace(of.record, spec=spec))


def test_a_service_has_what_it_was_given() -> None:
    web = shown(seen(node_port=30080), service(type="NodePort"))["Service/web"]
    assert web["spec"] == {
        "type": "NodePort",
        "selector": {"app": "web"},
        "clusterIP": "10.43.7.7",
        "clusterIPs": ["10.43.7.7"],
        "ports": [{"port": 80, "name": "http", "protocol": "TCP", "targetPort": 80, "nodePort": 30080}],
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "externalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
    }
    assert web["status"] == {"loadBalancer": {}}


def test_a_load_balancer_says_where_it_is_reached() -> None:
    nodes = seen(addresses=("192.168.1.11",))
    web = shown(nodes, service(type="LoadBalancer"))["Service/web"]
    assert web["status"]["loadBalancer"]["ingress"] == [{"ip": "192.168.1.11", "ipMode": "VIP"}]


def test_headless_and_external_names() -> None:
    out = service("out", type="ExternalName", externalName="example.org", ports=[], selector=None)
    found = shown(seen(), service("db", clusterIP="None"), out)
    assert found["Service/db"]["spec"]["clusterIP"] == "None"
    assert "clusterIP" not in found["Service/out"]["spec"]
    assert "Endpoints/out" not in found


def test_endpoints_are_the_ready_pods_and_those_that_are_not_yet() -> None:
    nodes = seen(pod("web-new-0"), pod("web-new-1", ready=False), pod("web-new-2", terminating=True))
    (subset,) = shown(nodes, service())["Endpoints/web"]["subsets"]
    (ready,), (waiting,) = subset["addresses"], subset["notReadyAddresses"]
    assert (ready["ip"], ready["nodeName"]) == ("10.42.0.5", "pi-1")
    assert (ready["targetRef"]["kind"], ready["targetRef"]["name"]) == ("Pod", "web-new-0")
    assert waiting["targetRef"]["name"] == "web-new-1"
    assert subset["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]


def conditions(of: Shown) -> list[tuple[bool, ...]]:
    return [tuple(e["conditions"][c] for c in ("ready", "serving", "terminating")) for e in of["endpoints"]]


def test_a_slice_tells_of_pods_that_end_too() -> None:
    nodes = seen(pod("web-new-0"), pod("web-new-1", ready=False), pod("web-new-2", terminating=True))
    found = shown(nodes, service())["EndpointSlice/web"]
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"
    assert found["metadata"]["ownerReferences"][0]["kind"] == "Service"
    assert conditions(found) == [(True, True, False), (False, False, False), (False, True, True)]


def test_what_drains_in_the_proxies_is_ending() -> None:
    told = traffic("pi-1", routed("web", end(state="draining")))
    found = shown([node("pi-1", told, pod("web-new-0"))], service())["EndpointSlice/web"]
    assert conditions(found) == [(False, True, True)]


def test_not_ready_addresses_are_published_when_asked_for() -> None:
    found = shown(seen(pod("web-new-0", ready=False)), service(publishNotReadyAddresses=True))
    assert conditions(found["EndpointSlice/web"]) == [(True, True, False)]


def test_a_named_port_may_be_another_number_in_another_pod() -> None:
    wanted = service(ports=[{"port": 80, "targetPort": "web"}])
    old, new = with_port(pod("web-new-0"), "web", 8080), with_port(pod("web-new-1"), "web", 9090)
    found = objects(desired(wanted), Observed(seen(old, new)), Progress(), None, 200.0)
    slices = [o for o in found if o["kind"] == "EndpointSlice"]
    assert [s["ports"][0]["port"] for s in slices] == [8080, 9090]
    assert len({s["metadata"]["name"] for s in slices}) == 2


def test_a_pod_on_the_hosts_network_answers_at_its_nodes_address() -> None:
    one = pod("web-new-0")
    spec = msgspec.structs.replace(one.record.spec, host_network=True)
    hosted = msgspec.structs.replace(one, record=msgspec.structs.replace(one.record, spec=spec, ip=""))
    facts = NodeFacts(internal_ip="192.168.1.11")
    found = shown([node("pi-1", None, hosted, facts=facts)], service())
    assert found["EndpointSlice/web"]["endpoints"][0]["addresses"] == ["192.168.1.11"]


def test_addresses_by_hand_are_shown_as_they_are() -> None:
    hand = endpoints_by_hand("dns", "192.168.1.53")
    found = shown(seen(), service("dns", selector=None), hand)
    assert found["Endpoints/dns"]["subsets"][0]["addresses"] == [{"ip": "192.168.1.53"}]
    assert not any(key.startswith("EndpointSlice/") for key in found)


def test_an_ingress_says_where_it_is_served() -> None:
    nodes = [node("pi-1", traffic("pi-1", served=True))]
    site = shown(nodes, ingress())["Ingress/site"]
    assert site["spec"]["rules"][0]["host"] == "a.lan"
    assert site["status"]["loadBalancer"]["ingress"] == [
        {"ip": "192.168.1.11", "ports": [{"port": 80, "protocol": "TCP"}]}
    ]


def test_only_what_changed_is_drawn_again() -> None:
    portrait, wanted = Portrait(), desired(service(), service("other", selector={"app": "other"}), ingress())
    first = portrait.of(wanted, Observed(seen(pod("web-new-0"))), Progress(), None, 1.0)
    second = portrait.of(wanted, Observed(seen(pod("web-new-1"))), Progress(), None, 2.0)

    def drawn(of: tuple[Shown, ...], kind: str, name: str) -> Shown:
        return next(o for o in of if o["kind"] == kind and o["metadata"]["name"] == name)

    assert drawn(first, "Service", "other") is drawn(second, "Service", "other")
    assert drawn(first, "Ingress", "site") is drawn(second, "Ingress", "site")
    assert drawn(first, "Endpoints", "web") != drawn(second, "Endpoints", "web")
