"""From wanted traffic to steps: node containers first, then what they are told, then everything else."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.network.gate import Gate
from reconciler.decide.network.memo import NetworkMemo
from reconciler.decide.network.words import Reasons, Teller
from reconciler.decide.survey import NodeView
from reconciler.model.action import AnyAction, PrepareNode, Publish, StopPod
from reconciler.model.plan import Standing
from reconciler.model.traffic import NodeTraffic

REPAIRS = {"": "its node container is missing", "stopped": "its node container has stopped"}
UPGRADE = "its node container is of an older version"
REWRITE = "it is told all anew: what it has is of an older version, or not whole"
SWITCHED_OFF = "spec.network is switched off: its node container goes"
UPKEEP = {"outdated": UPGRADE, "stale": REWRITE}

Told = dict[str, tuple[NodeTraffic, NodeTraffic, bool]]


def plan_steps(turn: Pass, woven: NetworkMemo) -> tuple[bool, Told]:
    """Lead the plan with the network's steps and put the stops behind them. True when there is one."""
    views = [turn.survey.views[name] for name in woven.wanted]
    told = _told(views, woven)
    lead: list[tuple[AnyAction, tuple[int, ...]]] = []
    repaired: dict[str, int] = {}
    for view in views:
        if because := REPAIRS.get(view.state.data_plane, ""):
            lead.append((_prepare(view, because), ()))
            repaired[view.name] = len(lead)
    publishing: dict[str, int] = {}
    teller = Teller(_reasons(turn))
    for view in views:
        wanted = woven.wanted[view.name]
        if view.name in told and told[view.name][2] and not _overtaken(view, wanted):
            continue
        action = Publish(
            node=view.name, because=teller.change(view.state.traffic, wanted), owner=None, traffic=wanted
        )
        lead.append((action, (repaired[view.name],) if view.name in repaired else ()))
        publishing[view.name] = len(lead)
    outdated = [view for view in views if view.state.data_plane in UPKEEP]
    if outdated and not lead:
        lead.append((_upkeep(outdated[0], woven.wanted[outdated[0].name]), ()))
    for view in outdated:
        _wait_for_turn(turn, view, lead)
    turn.draft.lead(lead)
    if any(isinstance(step.action, StopPod) for step in turn.draft.steps):
        serving = {name: n for name, n in publishing.items() if name not in repaired}
        Gate(turn, woven.wanted, serving).close()
    return bool(lead or outdated), told


def switched_off(turn: Pass) -> Standing:
    """The fleet had a network: its node containers go, as nobody would keep them right any more."""
    for view in turn.survey.views.values():
        if view.status == "ready" and view.state.data_plane:
            turn.draft.act(_prepare(view, SWITCHED_OFF))
    left = any(view.state.data_plane for view in turn.survey.views.values() if view.status == "ready")
    return "progressing" if left else "converged"


def _told(views: list[NodeView], woven: NetworkMemo) -> Told:
    """Whether each node was told what it should be. Compared once, as long as both stay the same objects."""
    found: Told = {}
    fresh = False
    for view in views:
        traffic, wanted = view.state.traffic, woven.wanted[view.name]
        if traffic is None:
            continue
        known = woven.told.get(view.name)
        if known is None or known[0] is not wanted or known[1] is not traffic:
            known = wanted, traffic, wanted is traffic or wanted == traffic
            fresh = True
        found[view.name] = known
    return found if fresh or found.keys() != woven.told.keys() else woven.told


def _overtaken(view: NodeView, wanted: NodeTraffic) -> bool:
    """It does what it should, and is being told something else that isn't wanted any more."""
    return view.state.telling is not None and view.state.telling != wanted


def _prepare(view: NodeView, because: str) -> PrepareNode:
    return PrepareNode(node=view.name, because=because, owner=None, pod_cidr=view.state.pod_cidr)


def _upkeep(view: NodeView, wanted: NodeTraffic) -> AnyAction:
    if view.state.data_plane == "outdated":
        return _prepare(view, UPGRADE)
    return Publish(node=view.name, because=REWRITE, owner=None, traffic=wanted)


def _wait_for_turn(turn: Pass, view: NodeView, lead: list[tuple[AnyAction, tuple[int, ...]]]) -> None:
    if not any(a.node == view.name for a, _ in lead):
        because = (
            f"{UPKEEP[view.state.data_plane]}; one node at a time, once all others have what they should"
        )
        turn.draft.wait(f"node {view.name}", because)


def _reasons(turn: Pass) -> Reasons:
    stops = (s.action for s in turn.draft.steps if isinstance(s.action, StopPod))
    return {(a.node, a.key): a.because for a in stops}
