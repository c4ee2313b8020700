"""What a delivery waits for, and until when."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.delivery import bluegreen
from reconciler.decide.delivery.canary import pause_of
from reconciler.decide.delivery.way import Scene
from reconciler.decide.delivery.words import standing_text
from reconciler.model.meta import Key


def wait(turn: Pass, owner: Key, scene: Scene) -> None:
    """Everything that time alone brings."""
    way, recipe, state = scene.way, scene.recipe, scene.state
    text, until = standing_text(scene), goes_on_at(scene)
    over = way.stage == "done" or (way.stage == "aborted" and not way.holds)
    if text and not over:
        future = until is not None and until > turn.now
        turn.draft.wait(str(owner), text, until if future else None)
    for version, at in way.retiring.items():
        if at > turn.now and scene.sight.of(version).count:
            turn.draft.wait(str(owner), f"{version} stays warm until then", at)
    if way.stage == "aborted" and scene.sight.of(state.template_hash).count:
        at = way.ended_at + recipe.warm_after_abort
        if turn.now < at < float("inf"):
            turn.draft.wait(str(owner), f"{state.template_hash} stays until then", at)
    if way.lacking_since is not None and not scene.held and not scene.late:
        at = way.lacking_since + recipe.deadline
        turn.draft.wait(str(owner), "it is late if it makes no progress", at)
    if (at := turn.named(recipe.restart_at)) > turn.now:
        turn.draft.wait(str(owner), "its pods are restarted then (spec.restartAt)", at)


def goes_on_at(scene: Scene) -> float | None:
    """When what it pauses for is over by time alone (epoch seconds); None: never, or it doesn't pause."""
    way, recipe = scene.way, scene.recipe
    if scene.halted:
        return None
    if way.stage == "preview" and way.step < bluegreen.READY:
        green = recipe.blue_green
        return bluegreen.promoted_at(green, way) if green is not None else None
    if way.stage != "stepping" or way.step >= len(recipe.steps):
        return None
    step = recipe.steps[way.step]
    length = pause_of(step)
    return way.step_since + length if step.pause is not None and length is not None else None
