"""restartAt: pods that are older are replaced, as many at a time as may be unavailable.

Only while nothing else moves and everybody is available: a restart takes from what the others carry.
Sets that are kept warm, or were aborted, would lose pods for good: theirs stay until they are wanted again.
Where memory was lost nothing moves until somebody says how to go on, and so nobody is restarted either.
"""

from __future__ import annotations

from reconciler.decide import effects
from reconciler.decide.current import Pass
from reconciler.decide.delivery.way import Scene
from reconciler.decide.slots import Slot, Slots
from reconciler.model.meta import Key


def restart(turn: Pass, owner: Key, scene: Scene, slots: Slots, *, moving: bool) -> tuple[list[Slot], int]:
    """What is stopped now, the stable ones first, and how many are too old in all. `moving`: pods of it start
    or stop in this pass anyway, or its traffic moves to another set.
    """
    at = turn.named(scene.recipe.restart_at)
    if not scene.recipe.restart_at or turn.now < at:
        return [], 0
    mine = [s for s in slots.here if s.record.template_hash in _replaced(scene)]
    old = [s for s in mine if s.pod is not None and s.pod.created_at < s.view.clock(at)]
    if not old:
        return [], 0
    if scene.way.held_by("forgotten"):
        return [], len(old)
    if moving or slots.hidden or not all(s.available for s in mine):
        turn.draft.wait(str(owner), "its older pods are restarted (spec.restartAt) when all are available")
        return [], len(old)
    stable = scene.state.stable_hash
    ordered = sorted(
        (s for s in old if s.reachable), key=lambda s: (s.record.template_hash != stable, s.name)
    )
    out = ordered[: max(1, scene.recipe.budget.unavailable)]
    effects.stop_slots(turn, out, "it is older than spec.restartAt")
    return out, len(old)


def _replaced(scene: Scene) -> set[str]:
    """Versions that get a new pod for each that goes."""
    state = scene.state
    return {state.stable_hash} if scene.way.stage == "aborted" else {state.stable_hash, state.template_hash}
