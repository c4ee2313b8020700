"""What somebody told a delivery to do. `ordered` folds one order into progress; the next pass acts on it.

verb          when                                                 it comes to
pause         any, unless it is held by an order already           nothing goes on; aborts still come
resume        held by an order                                     goes on, or waits in the step that it is at
              held otherwise                                       goes on; a pause step is over
promote       at a pause, or at a step that takes time             the step is over; a preview becomes active
promote-full  between the first step and the last                  all steps, pauses and analyses are skipped
abort         between the first step and promotion, unless it      back to the stable version
              goes back there anyway
retry         aborted                                              the same version, from the first step
undo          promoted, and the version before is known            back to that one, until another is wanted
              between the first step and promotion                 as abort
"""

from __future__ import annotations

import msgspec

from reconciler.decide.delivery.bluegreen import READY
from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.decide.delivery.way import UNDER_WAY, abort, moved, way_of, without
from reconciler.errors import UsageError
from reconciler.model.delivery import Decision, Delivery, Hold, Order
from reconciler.model.desired import Desired
from reconciler.model.progress import Progress, RolloutPhase, RolloutState

DECISIONS_KEPT = 20


def ordered(progress: Progress, order: Order, desired: Desired) -> tuple[Progress, str]:
    """Progress with the order in it, and what it comes to, in words. Raises `UsageError` where it makes no
    sense.
    """
    workload = desired.workloads.get(order.about)
    recipe = recipe_of(desired, order.about, workload) if workload is not None else None
    state = progress.rollouts.get(order.about)
    if recipe is None:
        raise UsageError(f"{order.about} isn't delivered step by step", remedy=_others(desired))
    if state is None or state.delivery is None:
        remedy = "it begins when the reconciler has seen the fleet; run `reconciler apply` or `serve`"
        raise UsageError(f"{order.about} hasn't begun yet", remedy=remedy)
    after, words = _VERBS[order.verb](state, recipe, order)
    after = _untold(state, after, recipe)
    way = way_of(after)
    decision = Decision(at=order.at, who=order.who, verb=order.verb, number=state.number)
    kept = (*way.decisions, decision)[-DECISIONS_KEPT:]
    rollouts = progress.rollouts | {order.about: moved(after, decisions=kept)}
    return msgspec.structs.replace(progress, rollouts=rollouts), words


def _untold(before: RolloutState, after: RolloutState, recipe: Recipe) -> RolloutState:
    """Without what was said of holds that it hasn't any more: where no reconciler runs, no pass says anew."""
    if after.phase != "paused" or recipe.paused or way_of(before).holds == way_of(after).holds:
        return after
    phase: RolloutPhase = "paused" if way_of(after).holds else "progressing"
    return msgspec.structs.replace(after, phase=phase, message="")


def _others(desired: Desired) -> str:
    found = [str(k) for k, w in desired.workloads.items() if recipe_of(desired, k, w) is not None]
    return f"these are: {', '.join(found)}" if found else "this revision has no Rollout"


def _pause(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    way = way_of(state)
    if way.held_by("order"):
        raise UsageError(f"{order.about} is paused already", remedy="`reconciler rollout resume` ends that")
    hold = Hold(reason="order", since=order.at, message=f"by {order.who}")
    return moved(state, holds=(*way.holds, hold)), "paused"


def _resume(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    way = way_of(state)
    _not_by_manifest(way, recipe, order)
    if not way.holds:
        raise UsageError(
            f"{order.about} isn't paused", remedy="`reconciler rollout status` shows where it is"
        )
    if way.held_by("order"):
        left = without(way, "order")
        words = "no longer paused by an order; it waits where it is" if left else "goes on"
        return moved(state, holds=left), words + _later(recipe)
    return _passed(state, recipe), "goes on" + _later(recipe)


def _not_by_manifest(way: Delivery, recipe: Recipe, order: Order) -> None:
    """Nothing but spec.paused holds it."""
    if recipe.paused and not way.holds:
        raise UsageError(f"{order.about} is paused by its manifest", remedy="set spec.paused to false")


def _later(recipe: Recipe) -> str:
    """Git has said pause, and only Git takes that back."""
    return ", once spec.paused is false" if recipe.paused else ""


def _promote(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    _under_way(state, order)
    way = way_of(state)
    _not_by_manifest(way, recipe, order)
    if way.stage == "finishing" and not way.holds:
        remedy = "its last pods are on their way; `reconciler rollout status` shows them"
        raise UsageError(f"{order.about} has no step left to be promoted to", remedy=remedy)
    return _passed(state, recipe), _promotion(way, recipe) + _later(recipe)


def _promotion(way: Delivery, recipe: Recipe) -> str:
    """What comes next, said before it is done."""
    if way.held_by("forgotten"):
        return "goes on from what is seen"
    if recipe.blue_green is None:
        inside = way.stage == "stepping" and way.step + 1 < len(recipe.steps)
        return "promoted to its next step" if inside else "promoted: no step is left"
    if way.stage == "switched":
        return "promoted: it isn't judged any more"
    return f"promoted: {recipe.blue_green.active_service} leads to it once all its pods are available"


def _passed(state: RolloutState, recipe: Recipe) -> RolloutState:
    """What holds it doesn't any more; a step that takes time counts as done."""
    way = way_of(state)
    if way.held_by("forgotten"):
        return moved(state, holds=(), scale=None)
    if way.stage == "preview":
        return moved(state, holds=(), step=READY)
    if way.stage == "switched":
        return moved(state, holds=(), full=True)
    inconclusive = way.held_by("inconclusive")
    again = inconclusive and recipe.canary.analysis is not None  # what runs beside the steps begins anew
    attempt = way.attempt + 1 if again else way.attempt
    if way.stage == "stepping" and way.step < len(recipe.steps):
        step = recipe.steps[way.step]
        passed = not inconclusive or step.pause is not None or step.analysis is not None
        return moved(state, holds=(), step=way.step + passed, attempt=attempt)
    return moved(state, holds=(), attempt=attempt)


def _promote_full(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    _under_way(state, order)
    full = moved(state, holds=(), full=True, scale=None)
    return full, "promoted in full: every step, pause and analysis is skipped" + _later(recipe)


def _abort(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    _under_way(state, order)
    if state.template_hash == state.stable_hash:
        fix = "`resume` ends what holds it" if way_of(state).holds else "`promote --full` skips what is left"
        raise UsageError(
            f"{order.about} goes back to its stable version anyway",
            remedy=f"{fix}; a commit brings another version",
        )
    return abort(state, f"aborted by {order.who}", order.at), "aborted; the stable version serves"


def _retry(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    way = way_of(state)
    if way.stage != "aborted":
        raise UsageError(f"{order.about} isn't aborted", remedy="there is nothing to try again")
    begun = moved(
        state,
        stage="preview" if recipe.blue_green is not None else "stepping",
        step=0,
        step_since=order.at,
        holds=(),
        full=False,
        available_at=None,
        lacking_since=None,
        attempt=way.attempt + 1,
    )
    again = msgspec.structs.replace(
        begun, phase="progressing", message="", progressed_at=order.at, started_at=order.at, best=(0, 0)
    )
    return again, "tried again from its first step"


def _undo(state: RolloutState, recipe: Recipe, order: Order) -> tuple[RolloutState, str]:
    way = way_of(state)
    if way.stage in UNDER_WAY:
        return _abort(state, recipe, order)
    if way.stage == "aborted":
        remedy = "retry tries the newer one again; a commit brings another"
        raise UsageError(f"{order.about} is back at its stable version already", remedy=remedy)
    if way.stage != "done" or not way.previous_hash:
        remedy = "change it in Git: `git revert` brings back what was there before"
        raise UsageError(f"{order.about} has no version before this one that is known", remedy=remedy)
    undone = abort(state, f"undone by {order.who}", order.at)
    left = dict(way.retiring)
    left.pop(way.previous_hash, None)
    undone = moved(
        undone,
        step=READY if recipe.blue_green else len(recipe.steps),  # it had passed them
        weight=None if recipe.blue_green else recipe.whole,
        active_hash=state.template_hash if recipe.blue_green else "",
        retiring=left,
        previous_hash="",
        previous_revision="",
    )
    undone = msgspec.structs.replace(
        undone, stable_hash=way.previous_hash, stable_revision=way.previous_revision
    )
    return undone, f"back to {_called(state, way.previous_hash)}"


def _called(state: RolloutState, version: str) -> str:
    number = next((past.number for past in reversed(state.history) if past.template_hash == version), 0)
    return f"version {number} ({version})" if number else f"version {version}"


def _under_way(state: RolloutState, order: Order) -> None:
    way = way_of(state)
    if way.stage in UNDER_WAY:
        return
    back = "; `reconciler rollout undo` returns to the one before" if way.previous_hash else ""
    remedy = {
        "aborted": "it is aborted; `reconciler rollout retry` tries again",
        "done": f"its newest version is promoted already{back}",
        "first": "its first version is promoted when its pods are available",
    }[way.stage]
    raise UsageError(f"{order.about} has no update under way", remedy=remedy)


_VERBS = {
    "pause": _pause,
    "resume": _resume,
    "promote": _promote,
    "promote-full": _promote_full,
    "abort": _abort,
    "retry": _retry,
    "undo": _undo,
}
