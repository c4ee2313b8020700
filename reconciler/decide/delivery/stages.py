"""The course of a delivery, as a table. One row is one transition; the first that holds is taken.

stage       when                                                   -> stage      besides
first       all pods are available                                 -> done       it is the stable version
stepping    an analysis has failed; the deadline aborts            -> aborted
            traffic is still with a canary of before               -> stepping   its weight falls
            the step is done                                       -> stepping   next step
            no step is left, or promoted in full                   -> finishing
finishing   an analysis has failed; the deadline aborts            -> aborted
            traffic is still with a canary of before               -> finishing  its weight falls
            all pods are available, and have all of the traffic    -> done       the old stable set retires
preview     its analysis has failed; the deadline aborts           -> aborted
            it is the stable set, and active                       -> done
            it is active otherwise                                 -> switched   it is judged there
            judged well, and then promoted by time or somebody     -> preview    it is scaled up whole
            after that, all pods are available                     -> switched   the active service moves
switched    its analysis has failed; the deadline aborts           -> aborted    the active service moves back
            judged well                                            -> done       the old stable set retires
aborted     the stable set can carry more of the traffic           -> aborted    the new one's weight falls
done        the time of a warm set is up                           -> done       it goes

any         another version is wanted (`begin`)                    -> see there
any         somebody says so (`orders`)                            -> see there

While something holds it (a pause, an order, an analysis that couldn't tell, lost memory) no row is taken but
those that abort or take traffic from a version that is left. Time ends a pause by itself.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from reconciler.decide.delivery import bluegreen, canary
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.scale import targets
from reconciler.decide.delivery.sight import Sight
from reconciler.decide.delivery.way import UNDER_WAY, Scene, Verdicts, abort
from reconciler.model.delivery import Stage
from reconciler.model.duration import human_duration
from reconciler.model.progress import RolloutState

MOST_MOVES = 200
"""Transitions in one pass: as many steps as anybody writes, and an end to a table with a hole in it."""


def advance(
    state: RolloutState,
    recipe: Recipe,
    sight: Sight,
    judged: Callable[[RolloutState], Verdicts],
    now: float,
) -> RolloutState:
    """As far as it goes in this pass. `judged` gives the verdicts of the analyses that a state asks for.

    The same object when nothing has changed.
    """
    for _ in range(MOST_MOVES):
        after = _move(Scene(state=state, recipe=recipe, sight=sight, verdicts=judged(state), now=now))
        if after == state:
            return state
        state = after
    return state


def _move(scene: Scene) -> RolloutState:
    """One transition, or the state as it is."""
    watched = _watch(scene)
    if watched is not scene.state:
        return watched
    failing = _failing(scene)
    return failing if failing != scene.state else _ROWS[scene.way.stage](scene)


def _first(scene: Scene) -> RolloutState:
    crowd = scene.sight.of(scene.state.template_hash)
    whole = crowd.count == crowd.available == scene.recipe.replicas
    if not whole or scene.sight.total != crowd.count or scene.held:
        return scene.state
    return scene.done()


def _failing(scene: Scene) -> RolloutState:
    """What ends in an abort, whatever holds it otherwise."""
    way = scene.way
    if way.stage not in UNDER_WAY:
        return scene.state
    bad = next((v for v in scene.verdicts.values() if v.phase in ("Failed", "Error")), None)
    if bad is not None and scene.state.template_hash != scene.state.stable_hash:
        return abort(scene.state, f"{bad.name} {_ended(bad.phase)}: {bad.message}", scene.now)
    new = scene.state.template_hash
    if scene.late and scene.recipe.deadline_abort and new != scene.state.stable_hash and _lacks(scene, new):
        return abort(scene.state, late_message(scene), scene.now)
    return scene.state


def _ended(phase: str) -> str:
    return "has failed" if phase == "Failed" else "couldn't be carried out"


def _watch(scene: Scene) -> RolloutState:
    """Since when pods are missing. The clock stands still while somebody holds the delivery, and begins anew
    with each step: a stable set that has lacked pods for long must not leave the step's own pods no time.
    """
    way, state = scene.way, scene.state
    lacking = way.stage != "done" and _lacks(scene, state.template_hash, state.stable_hash)
    best = (0, scene.sight.of(state.template_hash).available)
    if not lacking:
        return state if way.lacking_since is None else scene.moved(lacking_since=None)
    if way.lacking_since is None or (scene.held and scene.now > way.lacking_since + scene.recipe.deadline):
        changed = scene.moved(lacking_since=scene.now)
        return msgspec.structs.replace(changed, best=best)
    if way.lacking_since < way.step_since <= scene.now:
        return scene.moved(lacking_since=way.step_since)
    if best[1] > state.best[1]:
        changed = scene.moved(lacking_since=scene.now)
        return msgspec.structs.replace(changed, best=best, progressed_at=scene.now)
    return state


def _lacks(scene: Scene, *versions: str) -> bool:
    """One of them has fewer available pods than it should. A stable set that lacks some is no reason to go
    back to it.
    """
    wanted = targets(scene)
    return any(scene.sight.of(v).available < wanted.get(v, 0) for v in versions)


def late_message(scene: Scene) -> str:
    """Law 10: it says what it waits for."""
    text = f"no progress for {human_duration(scene.recipe.deadline)}"
    return f"{text}; {scene.sight.complaint}" if scene.sight.complaint else text


def _retired(scene: Scene) -> RolloutState:
    """Forget the times of sets that have gone."""
    way = scene.way
    left = {v: t for v, t in way.retiring.items() if t > scene.now and scene.sight.of(v).count}
    if (limit := scene.recipe.warm_limit) is not None and len(left) > limit:
        newest = sorted(left, key=lambda v: (left[v], v))[len(left) - limit :]
        left = {v: left[v] for v in newest}
    return scene.state if left == way.retiring else scene.moved(retiring=left)


def _aborted(scene: Scene) -> RolloutState:
    return bluegreen.aborted(scene) if scene.recipe.blue_green else canary.aborted(scene)


_ROWS: dict[Stage, Callable[[Scene], RolloutState]] = {
    "first": _first,
    "stepping": canary.stepping,
    "finishing": canary.finishing,
    "preview": bluegreen.preview,
    "switched": bluegreen.switched,
    "aborted": _aborted,
    "done": _retired,
}
