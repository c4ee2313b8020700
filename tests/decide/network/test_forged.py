"""What a node says of itself never becomes another's: addresses, slices, services that nothing wants."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide import decide
from reconciler.model.action import Publish
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan
from reconciler.model.traffic import Endpoint, IngressRoute, IngressTraffic, Name, NodeTraffic, RoutedPort
from tests.decide.builders import deployment, desired, service
from tests.decide.network.worlds import running, told
from tests.laws.world import World

INJECTED = "10.42.1.7:80\n  http-request return\nserver x 10.42.1.7"
LIAR = "pi-2"


def world(**more: Any) -> World:
    return running(deployment(replicas=3), services=(service("web"),), **more)


def with_node(world: World, node: str, **forged: Any) -> Observed:
    observed = world.observe()
    return observed.with_node(msgspec.structs.replace(observed.nodes[node], **forged))


def planned(world: World, observed: Observed) -> Plan:
    return decide(world.desired, observed, world.progress, world.now)


def published(plan: Plan, node: str = "pi-1") -> NodeTraffic | None:
    acts = [s.action for s in plan.steps if isinstance(s.action, Publish)]
    return next((act.traffic for act in acts if act.node == node), None)


def addresses(traffic: NodeTraffic | None) -> set[str]:
    services = traffic.services if traffic is not None else ()
    return {e.ip for s in services for p in s.ports for e in p.endpoints}


def lying(node: NodeState, ip: str) -> tuple[Any, ...]:
    """The node's pods, all of them at this address."""
    return tuple(
        msgspec.structs.replace(pod, record=msgspec.structs.replace(pod.record, ip=ip)) for pod in node.pods
    )


@pytest.mark.parametrize("ip", [INJECTED, "192.0.2.1", "10.42.0.1", "10.43.0.10", "::1", "x", ""])
def test_a_pod_is_reached_at_an_address_of_its_node_s_slice_or_not_at_all(ip: str) -> None:
    fleet = world()
    honest = addresses(told(fleet))
    node = fleet.observe().nodes[LIAR]
    mine = {pod.record.ip for pod in node.pods}
    plan = planned(fleet, with_node(fleet, LIAR, pods=lying(node, ip)))
    assert addresses(published(plan)) == honest - mine
    other = fleet.observe().nodes["pi-1"].pods[0].record.ip
    plan = planned(fleet, with_node(fleet, LIAR, pods=lying(node, other)))
    assert addresses(published(plan)) == honest - mine, "nor at that of another node's pod"


@pytest.mark.parametrize("cidr", ["abc", "0.0.0.0/0", "10.42.0.0/16", "10.43.0.0/24", "10.42.1.0/24\n"])
def test_what_is_no_slice_is_none(cidr: str) -> None:
    fleet = world()
    plan = planned(fleet, with_node(fleet, LIAR, pod_cidr=cidr))
    assert addresses(published(plan)) < addresses(told(fleet))


def test_who_says_that_it_has_another_s_slice_has_no_pods_there() -> None:
    """The other one goes on as if nothing had been said."""
    fleet = world()
    observed = fleet.observe()
    victim = observed.nodes["pi-1"]
    forged = with_node(fleet, LIAR, pod_cidr=victim.pod_cidr, pods=lying(observed.nodes[LIAR], "x"))
    plan = planned(fleet, forged)
    said = [note for note in plan.notes if "its slice of the pod network is" in note]
    assert len(said) == 1
    assert {p.record.ip for p in victim.pods} <= addresses(published(plan)) or said[0].startswith("pi-1")


@pytest.mark.parametrize("address", ["x", "192.0.2.1\n  x", "999.1.1.1", "1.2.3", "192.0.2.1 192.0.2.2"])
def test_an_address_of_its_own_is_one(address: str) -> None:
    fleet = world()
    facts = msgspec.structs.replace(fleet.observe().nodes[LIAR].facts, internal_ip=address)
    plan = planned(fleet, with_node(fleet, LIAR, facts=facts))
    for step in plan.steps:
        if isinstance(step.action, Publish):
            overlay = step.action.traffic.overlay
            assert address not in (overlay.address, *overlay.peers)


def claims(traffic: NodeTraffic) -> NodeTraffic:
    """A service, a name and a route that nobody wants but this node."""
    end = Endpoint(name="x", ip="192.0.2.66", port=80)
    mine = msgspec.structs.replace(
        traffic.services[0],
        name="bank",
        ip="10.43.9.9",
        ports=(RoutedPort(port=443, node_port=30443, endpoints=(end,)),),
    )
    route = IngressRoute(
        ingress="default/bank", namespace="default", service="bank", port=443, host="bank.example.net"
    )
    return msgspec.structs.replace(
        traffic,
        services=(*traffic.services, mine),
        names=(*traffic.names, Name(name="bank.default.svc.cluster.local", addresses=("10.43.9.9",))),
        ingress=IngressTraffic(routes=(route,)),
    )


def test_while_what_nothing_wants_is_kept_one_node_s_word_makes_nothing_of_it() -> None:
    """The source reads empty: what is published stays. What one node alone tells isn't what was."""
    fleet = world()
    fleet.commit(desired(of=fleet.desired.fleet))
    forged = with_node(fleet, LIAR, traffic=claims(told(fleet, LIAR)))
    plan = planned(fleet, forged)
    assert "bank" not in str(published(plan))
    back = published(plan, LIAR)
    assert back is not None
    assert (len(back.services), back.ingress) == (1, None)
    assert back.services[0].name == "web", "and what all have stays"


def test_nor_does_it_add_endpoints_on_a_node_that_nobody_has_looked_into() -> None:
    fleet = world()
    observed = fleet.observe().with_node(NodeState(name="pi-3"))
    traffic = told(fleet, LIAR)
    (one,) = traffic.services
    (port,) = one.ports
    more = Endpoint(name="web-9", ip="192.0.2.66", port=80, node="pi-3")
    ports = (msgspec.structs.replace(port, endpoints=(*port.endpoints, more)),)
    forged = msgspec.structs.replace(traffic, services=(msgspec.structs.replace(one, ports=ports),))
    lied = msgspec.structs.replace(observed.nodes[LIAR], traffic=forged)
    plan = planned(fleet, observed.with_node(lied))
    assert published(plan) is None, "pi-1 goes on as it was told"
    back = published(plan, LIAR)
    assert addresses(back) == addresses(told(fleet))
