"""A delivery that was begun by another strategy, by other steps or by another clock, as it stands by the
present ones.

begun as      now           who gets traffic                         -> stage
canary        blue-green    the stable set; the newest if that one   first, done, aborted: the same
                            alone has pods that are available        stepping, finishing: preview
blue-green    canary        who was active gets all of it            first, done, aborted: the same
                                                                     preview: stepping, or finishing in full
                                                                     switched: finishing
canary        other steps   the same, until its step says less       stepping, finishing: the first step, and
                                                                     analyses anew; in full: the same

A moment that is yet to come was written before the clock was set back, or while this pass had begun: it
counts as now.
"""

from __future__ import annotations

import msgspec

from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.scale import wanted_weight
from reconciler.decide.delivery.sight import Sight
from reconciler.decide.delivery.way import Scene, natural, way_of, without
from reconciler.model.delivery import Delivery, Stage
from reconciler.model.progress import RolloutState


def adapted(state: RolloutState, recipe: Recipe, sight: Sight, now: float) -> RolloutState:
    """The same object when there is nothing to adapt."""
    way = way_of(state)
    was_green = bool(way.active_hash)
    if recipe.blue_green is not None and not was_green:
        way = _to_blue_green(state, way, sight)
    elif recipe.blue_green is None and was_green:
        way = _to_canary(state, way, recipe)
    if recipe.blue_green is None and way.stage in ("stepping", "finishing", "aborted"):
        way = _by_other_steps(msgspec.structs.replace(state, delivery=way), recipe, sight, now)
    way = _in_time(_in_range(way, recipe), recipe, now)
    return state if way == state.delivery else msgspec.structs.replace(state, delivery=way)


def _to_blue_green(state: RolloutState, way: Delivery, sight: Sight) -> Delivery:
    new, stable = state.template_hash, state.stable_hash
    if way.stage in ("first", "done"):
        return msgspec.structs.replace(way, active_hash=new, weight=None, canary_hash="")
    alone = sight.of(new).available and not sight.of(stable).available
    return msgspec.structs.replace(
        way,
        stage="aborted" if way.stage == "aborted" else "preview",
        step=0,
        active_hash=new if alone else stable,
        weight=None,
        canary_hash="",
        scale=None,
        routes=(),
        available_at=None,
        holds=without(way, "step", "inconclusive"),
    )


def _to_canary(state: RolloutState, way: Delivery, recipe: Recipe) -> Delivery:
    if way.stage in ("first", "done"):
        return msgspec.structs.replace(way, active_hash="")
    apart = way.active_hash != state.stable_hash
    stage: Stage = "finishing" if way.full or way.stage == "switched" else "stepping"
    return msgspec.structs.replace(
        way,
        stage="aborted" if way.stage == "aborted" else stage,
        step=0,
        steps_hash="",
        active_hash="",
        canary_hash=way.active_hash if apart else state.template_hash,
        weight=recipe.whole if apart else 0,
        holds=without(way, "step", "inconclusive"),
    )


def _by_other_steps(state: RolloutState, recipe: Recipe, sight: Sight, now: float) -> Delivery:
    """Its number says nothing of the new ones: it begins at the first (Argo Rollouts: `resetRolloutStatus`).
    A version that was left, or is taken back, has none; where memory was lost somebody has to say first.
    """
    way, known = way_of(state), recipe.steps_hash
    if way.steps_hash == known:
        return way
    way = msgspec.structs.replace(way, steps_hash=known)
    if not way_of(state).steps_hash or way.stage == "aborted" or way.full or way.held_by("forgotten"):
        return way
    weight = way.weight
    if weight is None:
        weight = natural(Scene(state=state, recipe=recipe, sight=sight, verdicts={}, now=now))
    return msgspec.structs.replace(
        way,
        stage="stepping",
        step=0,
        step_since=now,
        holds=without(way, "step", "inconclusive"),
        scale=None,
        routes=(),
        weight=weight,
        attempt=way.attempt + 1,
    )


def _in_range(way: Delivery, recipe: Recipe) -> Delivery:
    """`maxTrafficWeight` has become smaller: a weight that can't be any more is what its step says now."""
    if way.weight is None or way.weight <= recipe.whole:
        return way
    return msgspec.structs.replace(way, weight=wanted_weight(way, recipe))


def _in_time(way: Delivery, recipe: Recipe, now: float) -> Delivery:
    longest = now + recipe.warm
    return msgspec.structs.replace(
        way,
        step_since=min(way.step_since, now),
        ended_at=min(way.ended_at, now),
        available_at=None if way.available_at is None else min(way.available_at, now),
        lacking_since=None if way.lacking_since is None else min(way.lacking_since, now),
        holds=tuple(msgspec.structs.replace(h, since=min(h.since, now)) for h in way.holds),
        decisions=tuple(msgspec.structs.replace(d, at=min(d.at, now)) for d in way.decisions),
        retiring={version: min(until, longest) for version, until in way.retiring.items()},
    )
