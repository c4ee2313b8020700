"""Canary: the transitions of its stages, and when each kind of step is done."""

from __future__ import annotations

from typing import Any

from reconciler.decide.delivery.recipe import pause_seconds
from reconciler.decide.delivery.scale import targets, wanted_weight
from reconciler.decide.delivery.sight import Crowd
from reconciler.decide.delivery.way import Scene, returning, without
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import CanaryStep, Pause, SetHeaderRoute


def stepping(scene: Scene) -> RolloutState:
    way, state = scene.way, scene.state
    if way.canary_hash not in ("", state.template_hash) and not scene.forgotten:
        return _leave(scene)
    if _in_doubt(scene):
        return scene.in_doubt(scene.verdicts["background"])
    if (late := _behind(scene)) is not None:
        return scene.moved(weight=late)
    if scene.held:
        return _waited(scene)
    if way.full or way.step >= len(scene.recipe.steps):
        return scene.moved(stage="finishing", step=len(scene.recipe.steps), scale=None, routes=())
    return _step(scene, scene.recipe.steps[way.step])


def finishing(scene: Scene) -> RolloutState:
    """All pods of the newest version, or as many as count as that (Argo Rollouts: `shouldFullPromote`), then
    all of the traffic, then it is the stable one.
    """
    way, state, recipe = scene.way, scene.state, scene.recipe
    if way.canary_hash not in ("", state.template_hash) and way.weight:
        return _leave(scene)
    if _in_doubt(scene):
        return scene.in_doubt(scene.verdicts["background"])
    if scene.held:
        return scene.state
    share = None if recipe.shared else recipe.whole
    mine = scene.sight.of(state.template_hash)
    somebody = mine.available or not recipe.replicas  # a threshold of 0 leaves nobody without an answer
    whole = mine.count <= recipe.replicas and bool(somebody) and _enough(scene, mine, recipe.replicas)
    if way.weight != share and (recipe.shared or (whole and state.template_hash != state.stable_hash)):
        return scene.moved(weight=share)
    alone = scene.sight.total == mine.count or not recipe.shared
    return scene.done() if whole and alone else state


def aborted(scene: Scene) -> RolloutState:
    weight = returning(scene)
    return scene.state if weight == scene.way.weight else scene.moved(weight=weight)


def _leave(scene: Scene) -> RolloutState:
    """A canary that is no longer wanted gives its traffic back to the stable version."""
    weight = returning(scene)
    if weight:
        return scene.state if weight == scene.way.weight else scene.moved(weight=weight)
    return scene.moved(weight=0, canary_hash=scene.state.template_hash, step_since=scene.now)


def _in_doubt(scene: Scene) -> bool:
    """The analysis beside the steps couldn't tell, and nobody has been asked yet."""
    found = scene.verdicts.get("background")
    asked = scene.way.held_by("inconclusive")
    return found is not None and found.phase == "Inconclusive" and not asked


def _behind(scene: Scene) -> int | None:
    """The weight of a setWeight step that somebody promoted past before the canary had its pods."""
    way, recipe = scene.way, scene.recipe
    told, wanted = way.weight or 0, wanted_weight(way, recipe)
    if told >= wanted or way.full or way.step >= len(recipe.steps) or recipe.paused:
        return None
    if recipe.steps[way.step].set_weight is not None or any(h.reason != "step" for h in way.holds):
        return None
    return wanted if _scaled(scene) else None


def _waited(scene: Scene) -> RolloutState:
    """A pause that ends by itself ends also while nothing else holds the delivery."""
    only = [h for h in scene.way.holds if h.reason != "step"]
    step = scene.recipe.steps[scene.way.step] if scene.way.step < len(scene.recipe.steps) else None
    if only or scene.recipe.paused or step is None or step.pause is None:
        return scene.state
    length = pause_seconds(step.pause)
    if length is None or scene.now < scene.way.step_since + length:
        return scene.state
    return _next(scene, holds=without(scene.way, "step"))


def _next(scene: Scene, **changes: Any) -> RolloutState:
    return scene.moved(step=scene.way.step + 1, step_since=scene.now, **changes)


def _step(scene: Scene, step: CanaryStep) -> RolloutState:
    if step.pause is not None:
        return _pause(scene, step.pause)
    if step.analysis is not None:
        return _analysis(scene)
    if step.set_weight is not None:
        return _weigh(scene)
    if step.set_header_route is not None:
        return _next(scene, routes=_routes(scene, step.set_header_route))
    scale = scene.way.scale
    if (wanted := step.set_canary_scale) is not None:
        scale = None if wanted.match_traffic_weight else wanted
    if scale != scene.way.scale:
        return scene.moved(scale=scale)
    return _next(scene) if _scaled(scene) else scene.state


def _routes(scene: Scene, route: SetHeaderRoute) -> tuple[SetHeaderRoute, ...]:
    """With this one instead of an earlier one of its name; without a match it ends."""
    others = tuple(r for r in scene.way.routes if r.name != route.name)
    return (*others, route) if route.match else others


def _pause(scene: Scene, pause: Pause) -> RolloutState:
    length = pause_seconds(pause)
    if length is not None and length <= 0:
        return _next(scene)
    return scene.hold("step", "until it is promoted" if length is None else "")


def _analysis(scene: Scene) -> RolloutState:
    found = scene.verdicts.get("step")
    if found is not None and found.phase == "Successful":
        return _next(scene)
    if found is not None and found.phase == "Inconclusive":
        return scene.in_doubt(found)
    return scene.state


def _weigh(scene: Scene) -> RolloutState:
    """More traffic only to pods that are available; less of it at once."""
    wanted, told = wanted_weight(scene.way, scene.recipe), scene.way.weight or 0
    if wanted < told:
        return scene.moved(weight=wanted)
    if not _scaled(scene):
        return scene.state
    if wanted != scene.way.weight:
        return scene.moved(weight=wanted)
    return _next(scene)


def _scaled(scene: Scene) -> bool:
    """The newest version has its pods, and nothing is left that should go, but on lost nodes."""
    state, sight = scene.state, scene.sight
    wanted = targets(scene)
    new, want = sight.of(state.template_hash), wanted.get(state.template_hash, 0)
    if new.count > want and not scene.recipe.shared:
        return False
    if not _enough(scene, new, want):
        return False
    if not scene.recipe.shared:
        return True
    stable = sight.of(state.stable_hash)
    others = sight.total - new.count - stable.count
    left = stable.count - stable.lost <= wanted.get(state.stable_hash, 0)
    return left and not others and new.count - new.lost <= want


def _enough(scene: Scene, crowd: Crowd, want: int) -> bool:
    """replicaProgressThreshold, or all of them."""
    threshold = scene.recipe.canary.replica_progress_threshold
    step = scene.recipe.steps[scene.way.step] if scene.way.step < len(scene.recipe.steps) else None
    if step is not None and step.replica_progress_threshold is not None:
        threshold = step.replica_progress_threshold
    if threshold is None:
        return crowd.count >= want and crowd.available >= want
    if threshold.type == "Percent":
        return crowd.available * 100 >= want * threshold.value
    return crowd.available >= min(want, threshold.value)


def pause_of(step: CanaryStep) -> float | None:
    """Seconds; None: for ever."""
    return pause_seconds(step.pause) if step.pause is not None else 0.0
