"""Nodes that are tainted for a while: what is drawn, and what must hold of the pods there."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from reconciler.decide.survey import NodeView
from reconciler.model.action import StartPod, StopPod
from reconciler.model.fleet import Fleet
from reconciler.model.observed import Observed, PodState
from reconciler.model.plan import Plan
from tests.decide.builders import fleet


def _fleet(*names: str, effect: str = "") -> Fleet:
    """Two nodes, of which these are tainted."""
    nodes: list[dict[str, Any]] = []
    for number, name in enumerate(("pi-1", "pi-2"), 1):
        taints = [{"key": "slow", "effect": effect}] if name in names else []
        nodes.append({"name": name, "internalIP": f"192.0.2.{number}", "taints": taints})
    return fleet(*nodes, network={"enabled": True})


PLAIN = _fleet()


@st.composite
def tainted(draw: st.DrawFn, final: bool) -> Fleet:
    """`final`: a node is left that takes every pod."""
    names = draw(st.sampled_from([("pi-2",), ("pi-2",), ("pi-1",), ("pi-1", "pi-2")]))
    effect = draw(st.sampled_from(["NoExecute", "NoExecute", "NoSchedule"]))
    return _fleet(*(("pi-2",) if final else names), effect=effect)


def evicted(pod: PodState, view: NodeView) -> bool:
    """It must go now, whatever else happens. No pod here tolerates anything."""
    return view.status == "ready" and _closed(view) and not pod.busy and not pod.terminating


def _closed(view: NodeView) -> bool:
    return view.spec is not None and any(t.effect == "NoExecute" for t in view.spec.taints)


def check_evictions(plan: Plan, observed: Observed, views: dict[str, NodeView]) -> None:
    """Every pod on such a node goes in this very plan, and none is started there."""
    stopped = {(s.action.node, s.action.key) for s in plan.steps if isinstance(s.action, StopPod)}
    for pod in observed.pods():
        if evicted(pod, views[pod.node]):
            assert (pod.node, pod.key) in stopped, f"{pod.record.name} stays on {pod.node}\n{plan}"
    for step in plan.steps:
        action = step.action
        assert not isinstance(action, StartPod) or not _closed(views[action.node]), f"{action}\n{plan}"
