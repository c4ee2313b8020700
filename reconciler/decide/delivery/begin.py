"""A version that wasn't wanted before: where its delivery begins.

stable version             wanted version                                      -> stage
none yet                   any                                                 first
some                       the stable one: what was begun is taken back        finishing, or preview in full
some                       stable before it and still warm, of a blue-green   preview in full
some                       stable before it and within rollbackWindow, or     finishing, or preview in full
                           the last one before and the commit says that it
                           reverts
some                       any other                                           stepping, or preview

In full: no steps, no pauses, no analyses. Sources: Argo Rollouts, "Rollback Windows"; `git revert`.
"""

from __future__ import annotations

import msgspec

from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.sight import Sight
from reconciler.decide.delivery.way import Scene, natural, way_of, without
from reconciler.model.delivery import Delivery
from reconciler.model.progress import PastVersion, RolloutState


def first_version(sight: Sight, recipe: Recipe, now: float) -> RolloutState:
    """Nothing of it runs anywhere: there is nothing to be careful of."""
    return RolloutState(
        template_hash=sight.template_hash,
        phase="progressing",
        number=1,
        started_at=now,
        progressed_at=now,
        history=(_entry(1, sight, now),),
        delivery=Delivery(
            stage="first",
            step_since=now,
            active_hash=sight.template_hash if recipe.blue_green else "",
        ),
    )


def next_version(before: RolloutState, sight: Sight, recipe: Recipe, now: float) -> RolloutState:
    """A return to an old version moves it to a new number, as in Kubernetes. What still runs, and what a
    revert leads to, stays in the history, whatever its limit.
    """
    known, after = _with_promoted(before), _way(before, sight, recipe, now)
    back = (p.promoted for p in known if after.full and p.template_hash == sight.template_hash)
    once = next(back, 0)  # a version that goes through its steps again is a new one
    entry = _entry(before.number + 1, sight, now, once)
    older = [p for p in known if p.template_hash != sight.template_hash]
    counted = older[-recipe.history_limit :] if recipe.history_limit else []
    way = way_of(before)
    needed = {before.stable_hash, way.previous_hash, *way.retiring}
    kept = [p for p in older if p in counted or p.template_hash in needed]
    state = msgspec.structs.replace(
        before,
        template_hash=sight.template_hash,
        phase="progressing",
        message="",
        number=entry.number,
        started_at=now,
        progressed_at=now,
        best=(0, 0),
        history=(*kept, entry),
        refused_architectures=(),
    )
    return msgspec.structs.replace(state, delivery=after)


def _entry(number: int, sight: Sight, now: float, promoted: int = 0) -> PastVersion:
    return PastVersion(
        number=number,
        template_hash=sight.template_hash,
        revision=sight.revision,
        at=now,
        promoted=promoted,
    )


def _with_promoted(state: RolloutState) -> tuple[PastVersion, ...]:
    """Its history, in which the stable version is known to have become that."""
    return tuple(
        msgspec.structs.replace(p, promoted=p.number)
        if p.template_hash == state.stable_hash and not p.promoted
        else p
        for p in state.history
    )


def _way(before: RolloutState, sight: Sight, recipe: Recipe, now: float) -> Delivery:
    old = way_of(before)
    way = Delivery(
        stage="first",
        step_since=now,
        steps_hash=recipe.steps_hash,
        active_hash=old.active_hash,
        holds=without(old, "step", "inconclusive", "forgotten"),
        retiring=_retiring(before, old, sight, recipe, now),
        previous_hash=old.previous_hash,
        previous_revision=old.previous_revision,
        decisions=old.decisions,
    )
    if not before.stable_hash:
        return msgspec.structs.replace(way, active_hash=sight.template_hash if recipe.blue_green else "")
    full = _in_full(before, old, sight, recipe)
    if recipe.blue_green is not None:
        return msgspec.structs.replace(way, stage="preview", full=full)
    canary, weight = _traffic(before, old, sight, recipe, now)
    stage = "finishing" if full else "stepping"
    return msgspec.structs.replace(way, stage=stage, full=full, canary_hash=canary, weight=weight)


def _traffic(
    before: RolloutState, old: Delivery, sight: Sight, recipe: Recipe, now: float
) -> tuple[str, int | None]:
    """Whose share of the traffic beside the stable version's there is now."""
    if old.stage == "done" or before.template_hash == before.stable_hash:
        return sight.template_hash, 0
    weight = old.weight
    if weight is None:
        weight = natural(Scene(state=before, recipe=recipe, sight=sight, verdicts={}, now=now))
    if not weight or before.template_hash == sight.template_hash:
        return sight.template_hash, weight or 0
    return old.canary_hash or before.template_hash, weight


def _retiring(
    before: RolloutState, old: Delivery, sight: Sight, recipe: Recipe, now: float
) -> dict[str, float]:
    """The set of before stays warm if it had traffic of its own; what is wanted again doesn't go."""
    found = dict(old.retiring)
    left = before.template_hash
    taken_back = sight.template_hash == before.stable_hash and left != before.stable_hash
    if taken_back and recipe.blue_green is not None and old.active_hash == left:
        found[left] = now + recipe.warm
    found.pop(sight.template_hash, None)
    found.pop(before.stable_hash, None)
    return found


def _in_full(before: RolloutState, old: Delivery, sight: Sight, recipe: Recipe) -> bool:
    wanted = sight.template_hash
    warm = recipe.blue_green is not None and wanted in old.retiring
    if warm and wanted in _earlier(before) and sight.of(wanted).available >= recipe.replicas:
        return True
    return goes_in_full(before, wanted, recipe, reverts=sight.reverts)


def goes_in_full(before: RolloutState, wanted: str, recipe: Recipe, *, reverts: bool) -> bool:
    """It is a rollback: that version is known. `reverts`: the commit says that it takes something back. One
    that takes a revert back brings a version that had to go, and is none.
    """
    if wanted == before.stable_hash:
        return True
    earlier = _earlier(before)
    if reverts and wanted == way_of(before).previous_hash and wanted in earlier:
        return True
    return bool(recipe.rollback_window) and wanted in earlier[-recipe.rollback_window :]


def _earlier(before: RolloutState) -> list[str]:
    """The versions that were stable before the stable one, the oldest first (Argo Rollouts: `isRollback`).
    One that was never promoted is no way back, nor is one that the stable version is the way back from.
    """
    known = {p.template_hash: p.promoted for p in _with_promoted(before)}
    stable = known.get(before.stable_hash, 0)
    return sorted((v for v, promoted in known.items() if 0 < promoted < stable), key=known.__getitem__)
