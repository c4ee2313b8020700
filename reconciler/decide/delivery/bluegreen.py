"""Blue-green: the transitions of its stages."""

from __future__ import annotations

import msgspec

from reconciler.decide.delivery.scale import preview_scale
from reconciler.decide.delivery.way import Scene, without
from reconciler.model.delivery import Delivery
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import BlueGreenStrategy

READY = 1
"""The preview's second step: judged, and promoted."""


def preview(scene: Scene) -> RolloutState:
    state, way = scene.state, scene.way
    if way.active_hash == state.template_hash:
        return scene.done() if way.active_hash == state.stable_hash else _switch(scene)
    mine, want = scene.sight.of(state.template_hash), preview_scale(way, scene.recipe)
    if mine.count < want or mine.available < want:
        return state
    if way.step >= READY:
        return state if scene.held else _switch(scene)
    if way.full:
        return scene.moved(step=READY, holds=without(way, "step", "inconclusive"))
    if way.available_at is None:
        return scene.moved(available_at=scene.now)
    return _judged(scene)


def _judged(scene: Scene) -> RolloutState:
    """Promoted when it is judged well, and nobody wants to be asked or its time has come. Argo Rollouts: the
    time begins with the verdict (`reconcileBlueGreenPause`), and nothing that isn't judged becomes active.
    """
    if scene.halted:
        return scene.state
    found = scene.verdicts.get("pre-promotion")
    if found is not None and found.phase == "Inconclusive":
        return scene.in_doubt(found)
    if found is not None and found.phase != "Successful":
        return scene.state
    return _asked(scene)


def _asked(scene: Scene) -> RolloutState:
    """Somebody promotes it, or time does, or it needs neither: as the manifest says now."""
    green, way = scene.recipe.blue_green, scene.way
    assert green is not None, "only blue-greens have a preview"
    at = promoted_at(green, way)
    at_once = green.auto_promotion_enabled and not green.auto_promotion_seconds
    if at_once or (at is not None and scene.now >= at):
        return _promoted(scene)
    message = "" if green.auto_promotion_enabled else "until it is promoted"
    if not scene.held:
        return scene.hold("step", message)
    return scene.moved(holds=tuple(msgspec.structs.replace(h, message=message) for h in way.holds))


def promoted_at(green: BlueGreenStrategy, way: Delivery) -> float | None:
    """When autoPromotionSeconds are over (epoch seconds), as soon as they run."""
    since = next((hold.since for hold in way.holds if hold.reason == "step"), None)
    if since is None or not green.auto_promotion_enabled or not green.auto_promotion_seconds:
        return None
    return since + green.auto_promotion_seconds


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
        return scene.in_doubt(found)
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
