"""A delivery in one pass, and the few changes that every strategy makes to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.sight import Sight
from reconciler.model.base import Value
from reconciler.model.delivery import AnalysisPhase, Delivery, Hold, HoldReason, RunRole, Stage
from reconciler.model.progress import RolloutState


class Judged(Value):
    """One analysis that the state asks for: the name of its run, and how it stands."""

    name: str
    phase: AnalysisPhase
    message: str = ""


Verdicts = Mapping[RunRole, Judged]

UNDER_WAY: frozenset[Stage] = frozenset({"stepping", "finishing", "preview", "switched"})
"""Between a stable version and another one: what can be aborted."""


class Scene(Value):
    """All that a transition depends on."""

    state: RolloutState
    recipe: Recipe
    sight: Sight
    verdicts: Verdicts
    now: float

    @property
    def way(self) -> Delivery:
        return way_of(self.state)

    @property
    def held(self) -> bool:
        return bool(self.way.holds) or self.recipe.paused

    @property
    def halted(self) -> bool:
        """Somebody has said so, or must say something; more than a step that waits."""
        return self.recipe.paused or any(hold.reason != "step" for hold in self.way.holds)

    @property
    def forgotten(self) -> bool:
        """What is seen is kept: nobody knows what it is good for."""
        return self.way.held_by("forgotten")

    @property
    def late(self) -> bool:
        """Pods that should be there have been missing for longer than progressDeadlineSeconds."""
        since = self.way.lacking_since
        return since is not None and not self.held and self.now >= since + self.recipe.deadline

    def moved(self, **changes: Any) -> RolloutState:
        return moved(self.state, **changes)

    def hold(self, reason: HoldReason, message: str = "") -> RolloutState:
        return self.moved(holds=(*self.way.holds, Hold(reason=reason, since=self.now, message=message)))

    def in_doubt(self, found: Judged) -> RolloutState:
        """An analysis couldn't tell: somebody must."""
        return self.hold("inconclusive", f"{found.name} couldn't tell: {found.message}")

    def done(self) -> RolloutState:
        """The newest version is the stable one; the one before stays warm for its time."""
        state, way = self.state, self.way
        old = state.stable_hash
        changed = old not in ("", state.template_hash)
        retiring = dict(way.retiring)
        if changed and self.recipe.warm:
            began = way.ended_at if way.stage == "switched" else self.now
            retiring[old] = max(self.now, began + self.recipe.warm)
        retiring.pop(state.template_hash, None)
        after = Delivery(
            stage="done",
            active_hash=state.template_hash if self.recipe.blue_green else "",
            ended_at=self.now,
            retiring=retiring,
            holds=tuple(h for h in way.holds if h.reason == "order"),
            previous_hash=old if changed else way.previous_hash,
            previous_revision=state.stable_revision if changed else way.previous_revision,
            decisions=way.decisions,
        )
        return msgspec.structs.replace(
            state,
            phase="complete",
            message="",
            stable_hash=state.template_hash,
            stable_revision=state.history[-1].revision if state.history else state.stable_revision,
            delivery=after,
        )


def way_of(state: RolloutState) -> Delivery:
    assert state.delivery is not None, "only objects that are delivered step by step come here"
    return state.delivery


def moved(state: RolloutState, **changes: Any) -> RolloutState:
    return msgspec.structs.replace(state, delivery=msgspec.structs.replace(way_of(state), **changes))


def without(way: Delivery, *reasons: HoldReason) -> tuple[Hold, ...]:
    return tuple(h for h in way.holds if h.reason not in reasons)


def abort(state: RolloutState, message: str, at: float) -> RolloutState:
    """Back to the stable version. What has traffic keeps it as long as the stable set can't carry it: see
    `returning`.
    """
    way = way_of(state)
    after = msgspec.structs.replace(
        way,
        stage="aborted",
        canary_hash=way.canary_hash if way.weight and way.canary_hash else state.template_hash,
        holds=without(way, "step", "inconclusive", "forgotten"),
        routes=(),
        scale=None,
        ended_at=at,
        lacking_since=None,
    )
    return msgspec.structs.replace(state, phase="failed", message=message, delivery=after)


def natural(scene: Scene) -> int:
    """The newest version's share of the traffic where every pod gets as much as any other."""
    total = scene.sight.available
    mine = scene.sight.of(scene.state.template_hash).available
    return (scene.recipe.whole * mine + total - 1) // total if total else 0


def returning(scene: Scene) -> int:
    """What the version that is being left must still carry: what the stable set can't (Argo Rollouts does so
    with dynamicStableScale only).
    """
    if not scene.recipe.replicas:
        return 0
    weight = natural(scene) if scene.way.weight is None else scene.way.weight
    least = max(1, scene.recipe.budget.least)
    can = min(least, scene.sight.of(scene.state.stable_hash).available)
    return min(weight, scene.recipe.whole - scene.recipe.whole * can // least)
