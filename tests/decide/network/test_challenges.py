"""When an ACME server may come to look."""

from __future__ import annotations

import pytest

from reconciler.decide.network.challenges import in_force
from reconciler.model.observed import NodeState, Observed
from reconciler.model.traffic import Challenge, IngressTraffic, NodeTraffic, Overlay
from tests.decide.builders import desired, fleet

ASKED = Challenge(token="token", answer="token.answer")
DOOR = {"labels": {"reconciler.io/ingress": "true"}}


def node(name: str, *challenges: Challenge, reachable: bool | None = True, told: bool = True) -> NodeState:
    traffic = NodeTraffic(
        node=name,
        pod_range="10.42.0.0/16",
        pod_cidr="10.42.0.0/24",
        service_range="10.43.0.0/16",
        dns="10.43.0.10",
        overlay=Overlay(address=""),
        ingress=IngressTraffic(challenges=challenges),
    )
    return NodeState(name=name, reachable=reachable, traffic=traffic if told else None)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (node("pi-1", ASKED), node("pi-2", ASKED), True),
        (node("pi-1", ASKED), node("pi-2"), False),
        (node("pi-1", ASKED), node("pi-2", told=False), False),
        (node("pi-1", ASKED), node("pi-2", reachable=False), True),
        (node("pi-1", reachable=False), node("pi-2", ASKED, reachable=None), False),
        (node("pi-1", told=False), node("pi-2", told=False), False),
    ],
)
def test_every_node_that_can_be_asked_must_answer(one: NodeState, other: NodeState, expected: bool) -> None:
    wanted = desired(of=fleet("pi-1", "pi-2"), challenges=(ASKED,))
    assert in_force(wanted, Observed([one, other])) is expected


def test_nodes_that_serve_no_ingresses_are_not_asked() -> None:
    wanted = desired(of=fleet({"name": "pi-1", **DOOR}, "pi-2"), challenges=(ASKED,))
    assert in_force(wanted, Observed([node("pi-1", ASKED), node("pi-2")]))
    assert not in_force(wanted, Observed([node("pi-1"), node("pi-2", ASKED)]))
