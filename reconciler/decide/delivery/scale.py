"""How many pods of each version there should be. Sources: Argo Rollouts' replica counts for both canaries.

stage       stable                    newest                          others
first       -                         all                             none
stepping    shared: the rest;         shared: nearest to the weight;  none
            routed: all, or dynamic   routed: by weight or scale
finishing   as stepping, then none    all                             none
 (halted)   shared: as it is          shared: as it is                none
preview     all                       previewReplicaCount, then all   while warm
switched    all                       all                             while warm
done        (the newest)              all                             while warm
aborted     all                       while warm; shared: none        while warm

A version that gets traffic of its own keeps its pods, whatever it is. While memory is lost none goes.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.way import Scene
from reconciler.model.delivery import Delivery

Targets = dict[str, int]
"""Number of pods by template hash. What isn't in it should have none."""


def targets(scene: Scene) -> Targets:
    way, recipe, sight = scene.way, scene.recipe, scene.sight
    new, stable = scene.state.template_hash, scene.state.stable_hash
    found = {hash_: sight.of(hash_).count for hash_, until in way.retiring.items() if until > scene.now}
    match way.stage:
        case "first" | "done":
            found[new] = recipe.replicas
        case "preview" | "switched":
            found[stable] = recipe.replicas
            found[new] = preview_scale(way, recipe)
        case "aborted":
            _aborted(found, scene)
        case "stepping" | "finishing":
            _stepping(found, scene)
    if recipe.paused and way.stage == "first":
        found[new] = min(found[new], sight.of(new).count)
    if (serving := _serving(way, recipe)) and not recipe.shared:
        found.setdefault(serving, sight.of(serving).count)
    if scene.forgotten:
        found |= {v: max(crowd.count, found.get(v, 0)) for v, crowd in sight.crowds.items()}
    return found


def _serving(way: Delivery, recipe: Recipe) -> str:
    """The version that gets traffic beside the stable one, or instead of it: "" for none."""
    if recipe.blue_green is not None:
        return way.active_hash
    return way.canary_hash if way.weight else ""


def preview_scale(way: Delivery, recipe: Recipe) -> int:
    green = recipe.blue_green
    if green is None or green.preview_replica_count is None or way.stage != "preview" or way.step:
        return recipe.replicas
    return min(green.preview_replica_count, recipe.replicas)


def _aborted(found: Targets, scene: Scene) -> None:
    """The new set goes when nobody sends to it any more and its time is up."""
    way, recipe = scene.way, scene.recipe
    new, stable = scene.state.template_hash, scene.state.stable_hash
    count = scene.sight.of(new).count
    serves = _serving(way, recipe) == new
    if recipe.shared:
        found[new] = 0
    elif recipe.canary.dynamic_stable_scale and recipe.blue_green is None and serves:
        found[new] = min(count, routed_scale(way.weight or 0, way, recipe))
    elif serves or scene.now < way.ended_at + recipe.warm_after_abort:
        found[new] = count
    found[stable] = recipe.replicas


def _stepping(found: Targets, scene: Scene) -> None:
    way, recipe = scene.way, scene.recipe
    new, stable = scene.state.template_hash, scene.state.stable_hash
    if new == stable:  # a version is taken back before it was promoted
        found[new] = recipe.replicas
        return
    if way.canary_hash not in ("", new) and way.weight:
        found[stable] = recipe.replicas
        return
    wanted = wanted_weight(way, recipe)
    if recipe.shared and way.scale is not None and way.scale.replicas is not None:
        # Where it stood was lost: as many as were seen, until somebody says how to go on.
        pinned = way.scale.replicas
        found[new], found[stable] = pinned, max(scene.sight.of(stable).count, recipe.replicas - pinned)
        return
    if recipe.shared:
        found[new], found[stable] = _shared(scene, wanted)
        return
    # After lost memory its traffic may be more than what its step says.
    found[new] = routed_scale(max(wanted, way.weight or 0), way, recipe)
    found[stable] = recipe.replicas
    if recipe.canary.dynamic_stable_scale:
        told = min(way.weight or 0, wanted)
        found[stable] = _least(recipe, ceil(Fraction(recipe.replicas * (recipe.whole - told), recipe.whole)))


def _shared(scene: Scene, wanted: int) -> tuple[int, int]:
    """Halted, there are as many of both as there were (Argo Rollouts: `haltProgress`), but so many of the
    newest that its traffic is carried: after the last step there is no weight that would hold them.
    """
    recipe, sight, state = scene.recipe, scene.sight, scene.state
    budget = recipe.budget
    new, stable = nearest(recipe.replicas, wanted, recipe.whole, budget.surge)
    if not scene.halted:
        return new, stable
    needed, _ = nearest(recipe.replicas, scene.way.weight or 0, recipe.whole, budget.surge)
    new = max(needed, min(sight.of(state.template_hash).count, new))
    return new, max(budget.desired - new, min(sight.of(state.stable_hash).count, budget.most - new))


def wanted_weight(way: Delivery, recipe: Recipe) -> int:
    """What the last setWeight up to the present step says; all of it once the steps are over."""
    if way.stage == "finishing" or way.step >= len(recipe.steps):
        return recipe.whole
    for step in reversed(recipe.steps[: way.step + 1]):
        if step.set_weight is not None:
            return step.set_weight
    return 0


def routed_scale(weight: int, way: Delivery, recipe: Recipe) -> int:
    """Argo Rollouts: the canary has as many pods as its weight asks for, unless setCanaryScale says."""
    scale = way.scale
    if way.stage == "finishing":
        return recipe.replicas
    if scale is not None and scale.replicas is not None:
        return scale.replicas
    if scale is not None and scale.weight is not None:
        weight, whole = scale.weight, 100
    else:
        whole = recipe.whole
    return _least(recipe, ceil(Fraction(recipe.replicas * weight, whole)))


def _least(recipe: Recipe, count: int) -> int:
    """minPodsPerReplicaSet, for a set that there is at all."""
    return max(count, min(recipe.canary.min_pods_per_replica_set, recipe.replicas)) if count else 0


def nearest(replicas: int, weight: int, whole: int, surge: int) -> tuple[int, int]:
    """The pair (canary, stable) whose ratio is nearest to the weight; one pod more is allowed with a surge.

    Neither version is left without a pod unless the weight says so. Source: Argo Rollouts,
    `approximateWeightedCanaryStableReplicaCounts`.
    """
    if replicas == 0:
        return 0, 0
    if weight in (0, whole):
        return (0, replicas) if weight == 0 else (replicas, 0)
    best: tuple[Fraction, int, int, int] | None = None
    for total in _totals(replicas, surge):
        for canary in range(1, total) if total > 1 else (0, 1):
            delta = abs(Fraction(canary, total) - Fraction(weight, whole))
            found = delta, total, -canary, canary
            best = found if best is None or found < best else best
    assert best is not None
    return best[3], best[1] - best[3]


def _totals(replicas: int, surge: int) -> tuple[int, ...]:
    """How many pods there may be of both together. A single one can't be shared if a second may be had."""
    if not surge:
        return (replicas,)
    return (replicas, replicas + 1) if replicas > 1 else (2,)
