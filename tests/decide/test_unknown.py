"""A node that hasn't been asked yet may hold anything: nothing has converged as long as there is one."""

from __future__ import annotations

from reconciler.decide import decide
from reconciler.model.observed import NodeState, Observed
from reconciler.model.progress import Progress
from tests.decide.builders import desired

READY = [NodeState(name=name, reachable=True, pod_cidr="10.42.0.0/24") for name in ("pi-1", "pi-2")]


def test_an_unknown_node_never_counts_as_converged() -> None:
    dark = Observed([*READY, NodeState(name="pi-3")])
    plan = decide(desired(), dark, Progress(), 100.0)
    assert plan.standing == "progressing"
    assert plan.goes_on
    assert "pi-3: what runs there isn't known yet" in plan.notes
    lit = dark.with_node(NodeState(name="pi-3", reachable=True, pod_cidr="10.42.3.0/24"))
    assert decide(desired(), lit, Progress(), 101.0, plan.settled).standing == "converged"
