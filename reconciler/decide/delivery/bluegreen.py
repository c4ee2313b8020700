"""Blue-green: the transitions of its stages."""

from __future__ import annotations

from reconciler.decide.delivery.scale import preview_scale
from reconciler.decide.delivery.way import Scene, without
from reconciler.model.progress import RolloutState

READY = 1
"""The preview's second step: judged, and promoted."""


def preview(scene: Scene) -> RolloutState:
    state, way = scene.state, scene.way
    if way.active_hash == state.template_hash:
        return scene.done() if way.active_hash == state.stable_hash else _switch(scene)
    mine, want = scene.sight.of(state.template_hash), preview_scale(way, scene.recipe)
    whole = mine.count >= want and mine.available >= want
    if not whole:
        return state
    if way.step >= READY:
        return state if scene.held else _switch(scene)
    if way.full:
        return scene.moved(step=READY, holds=without(way, "step", "inconclusive"))
    return _judged(scene) if way.available_at is not None else scene.moved(available_at=scene.now)


def _judged(scene: Scene) -> RolloutState:
    """Promoted when its time has come, or when it is judged well and nobody wants to be asked."""
    way, recipe = scene.way, scene.recipe
    found = scene.verdicts.get("pre-promotion")
    if scene.held:
        other = recipe.paused or any(h.reason != "step" for h in way.holds)
        return _promoted(scene) if _timed(scene) and not other else scene.state
    if found is not None and found.phase == "Inconclusive":
        return scene.hold("inconclusive", f"{found.name} couldn't tell: {found.message}")
    if _timed(scene):
        return _promoted(scene)
    if found is not None and found.phase != "Successful":
        return scene.state
    return _good(scene)


def _good(scene: Scene) -> RolloutState:
    """Somebody is asked, or a time is waited for, where the manifest says so."""
    green = scene.recipe.blue_green
    if green is not None and not green.auto_promotion_enabled:
        return scene.hold("step", "until it is promoted")
    if green is not None and green.auto_promotion_seconds:
        return scene.hold("step")
    return _promoted(scene)


def promoted_at(scene: Scene) -> float | None:
    """When autoPromotionSeconds are over (epoch seconds). Argo Rollouts: it doesn't wait for the analysis."""
    green = scene.recipe.blue_green
    if green is None or not green.auto_promotion_enabled or not green.auto_promotion_seconds:
        return None
    return None if scene.way.available_at is None else scene.way.available_at + green.auto_promotion_seconds


def _timed(scene: Scene) -> bool:
    at = promoted_at(scene)
    return at is not None and scene.now >= at


def _promoted(scene: Scene) -> RolloutState:
    return scene.moved(step=READY, holds=without(scene.way, "step"))


def _switch(scene: Scene) -> RolloutState:
    return scene.moved(
        stage="switched", active_hash=scene.state.template_hash, step_since=scene.now, ended_at=scene.now
    )


def switched(scene: Scene) -> RolloutState:
    if scene.held:
        return scene.state
    found = scene.verdicts.get("post-promotion")
    if found is not None and found.phase == "Inconclusive":
        return scene.hold("inconclusive", f"{found.name} couldn't tell: {found.message}")
    if found is not None and found.phase != "Successful":
        return scene.state
    return scene.done()


def aborted(scene: Scene) -> RolloutState:
    """The active service goes back as soon as the stable set can carry the traffic."""
    state, way = scene.state, scene.way
    if way.active_hash == state.stable_hash:
        return state
    stable, mine = scene.sight.of(state.stable_hash), scene.sight.of(way.active_hash)
    if stable.available >= max(1, scene.recipe.budget.least) or (stable.available and not mine.available):
        return scene.moved(active_hash=state.stable_hash)
    return state
