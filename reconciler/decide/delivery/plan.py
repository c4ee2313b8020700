"""One object in one pass: where its delivery stands, which pods come and go, what is waited for."""

from __future__ import annotations

import msgspec

from reconciler.decide import effects
from reconciler.decide.current import Pass
from reconciler.decide.delivery.adapt import adapted
from reconciler.decide.delivery.approach import Moves, freely, within
from reconciler.decide.delivery.begin import next_version
from reconciler.decide.delivery.judging import Judging
from reconciler.decide.delivery.memory import beginning
from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.decide.delivery.restart import restart
from reconciler.decide.delivery.scale import targets
from reconciler.decide.delivery.sight import Sight, crowds
from reconciler.decide.delivery.stages import advance, late_message
from reconciler.decide.delivery.versions import records, versions
from reconciler.decide.delivery.waits import goes_on_at, wait
from reconciler.decide.delivery.way import Scene, way_of
from reconciler.decide.delivery.words import standing_text, why_start, why_stop
from reconciler.decide.rollout.victims import victims
from reconciler.decide.slots import Slot, Slots, gather
from reconciler.decide.standing import complaint, joined, verdict
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState, fallback
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment

LOOKED_UP = 0.1
"""Seconds until the next pass, when it will know more."""


def plan_delivery(turn: Pass, owner: Key, workload: Rollout | Deployment) -> Verdict:
    recipe = recipe_of(turn.desired, owner, workload)
    assert recipe is not None, "the caller has asked"
    slots, refused = _slots(turn, owner, recipe)
    scene = _advanced(turn, owner, workload, recipe, slots)
    effects.clear_faulty(turn, slots)
    effects.note_away(turn, slots)
    moves = _moves(scene)
    stopped = _stop(turn, scene, slots, moves)
    blocked = _start(turn, owner, scene, slots, moves, refused) or _homeless(turn, owner)
    moving = bool(moves.start or moves.stop) or _switches(turn, owner, scene)
    restarted, old = restart(turn, owner, scene, slots, moving=moving)
    gone = {id(s) for s in (*stopped, *restarted)}
    working = effects.tend(turn, [s for s in slots.here if id(s) not in gone])
    working += 0 if blocked else old
    wait(turn, owner, scene)
    if blocked:
        turn.draft.wait(str(owner), blocked)
    scene = msgspec.structs.replace(scene, state=_told(turn, owner, scene, refused))
    turn.rollouts[owner] = scene.state
    return _verdict(scene, slots, blocked, working)


def _switches(turn: Pass, owner: Key, scene: Scene) -> bool:
    """Another version becomes active in this pass: until the proxies know, the one before serves."""
    before = turn.before.rollouts.get(owner)
    way = before.delivery if before is not None else None
    return way is not None and way.active_hash != scene.way.active_hash


def _slots(turn: Pass, owner: Key, recipe: Recipe) -> tuple[Slots, tuple[str, ...]]:
    """The pods, and the node architectures that the newest version has no image for."""
    before = turn.before.rollouts.get(owner)
    under_way = before is not None and before.delivery is not None and before.phase != "complete"
    sets = 2 if under_way and not recipe.shared else 1
    slots = gather(turn, owner, recipe.replicas * sets, recipe.min_ready)
    same = before is not None and before.template_hash == turn.desired.hashes[owner]
    refused = effects.learned(slots, before.refused_architectures if before and same else ())
    return effects.without_unfit(slots, frozenset(refused)), refused


def _advanced(turn: Pass, owner: Key, workload: Rollout | Deployment, recipe: Recipe, slots: Slots) -> Scene:
    sight = _sight(turn, owner, slots)
    before = turn.before.rollouts.get(owner)
    if before is None or before.delivery is None:
        state = beginning(turn, owner, recipe, sight, records(slots))
    else:
        state = adapted(before, recipe, sight, turn.now)
        if state.template_hash != sight.template_hash:
            state = next_version(state, sight, recipe, turn.now)
    judging = Judging(turn, owner, workload, recipe, slots)
    state = advance(state, recipe, sight, judging.verdicts, turn.now)
    judging.close(state)
    return Scene(state=state, recipe=recipe, sight=sight, verdicts={}, now=turn.now)


def _sight(turn: Pass, owner: Key, slots: Slots) -> Sight:
    before = turn.before.rollouts.get(owner)
    wanted = turn.desired.hashes[owner]
    kept = {wanted, before.stable_hash} if before else {r.template_hash for r in slots.records}
    return Sight(
        template_hash=wanted,
        revision=turn.desired.revision.id,
        reverts=turn.desired.revision.reverts,
        crowds=crowds(slots.here, kept),
        hidden=slots.hidden,
        complaint=complaint(slots.of(wanted)),
        silent=tuple(sorted({s.view.name for s in slots.here if not s.reachable})),
    )


def _moves(scene: Scene) -> Moves:
    state, way, recipe = scene.state, scene.way, scene.recipe
    wanted = targets(scene)
    first = state.template_hash if way.stage in ("first", "done") else state.stable_hash
    if recipe.shared or way.stage == "first":
        return within(scene.sight, wanted, recipe.budget, first)
    return freely(scene.sight, wanted, first)


def _stop(turn: Pass, scene: Scene, slots: Slots, moves: Moves) -> list[Slot]:
    stopped: list[Slot] = []
    for version, count in moves.stop.items():
        kept = version in (scene.state.template_hash, scene.state.stable_hash)
        out = victims([s for s in slots.of(version) if kept or s.view.status != "lost"], count)
        effects.stop_slots(turn, out, why_stop(scene, version))
        stopped += out
    return stopped


def _start(turn: Pass, owner: Key, scene: Scene, slots: Slots, moves: Moves, refused: tuple[str, ...]) -> str:
    known = versions(turn, owner) if moves.start else {}
    own, blocked = list(slots.records), ""
    for hash_, count in moves.start.items():
        version = known.get(hash_)
        if hash_ != scene.state.template_hash and not _looked_up(turn, owner, scene.state):
            turn.draft.wait(str(owner), f"its version {hash_} is looked up", turn.now + LOOKED_UP)
            continue
        if version is None:
            blocked = (
                blocked or f"version {hash_} has {count} pods too few, and where it came from is unknown"
            )
            continue
        other = next((s.record for s in slots.here if s.record.template_hash != hash_), None)
        unfit = frozenset(refused if hash_ == scene.state.template_hash else ())
        why = why_start(scene, version, other)
        blocked = effects.start_pods(turn, owner, version, count, why, own, refused=unfit) or blocked
    return blocked


def _homeless(turn: Pass, owner: Key) -> str:
    """Why one of its analyses can't measure."""
    return next((why for run, why in turn.homeless.items() if turn.runs[run].owner == owner), "")


def _looked_up(turn: Pass, owner: Key, state: RolloutState) -> bool:
    """The loop brings an older version, with the ConfigMaps of its time, once progress asks for it: in the
    pass after this one.
    """
    stable, before = turn.desired.stable.get(owner), turn.before.rollouts.get(owner)
    if stable is not None and stable.template_hash == state.stable_hash:
        return True
    return before is not None and fallback(before, turn.desired.hashes[owner])[0] == state.stable_hash


def _told(turn: Pass, owner: Key, scene: Scene, refused: tuple[str, ...]) -> RolloutState:
    """The state with its phase and message, as everybody reads them. The same object when nothing changed."""
    state = scene.state
    stage = way_of(state).stage
    if stage == "aborted":
        phase, message = "failed", state.message
    elif scene.held:
        phase, message = "paused", standing_text(scene)
    elif stage == "done":
        phase, message = "complete", ""
    else:
        phase, message = "progressing", late_message(scene) if scene.late else ""
    after = msgspec.structs.replace(
        state,
        phase=phase,
        message=message,
        replicas=scene.recipe.replicas,
        refused_architectures=refused,
    )
    before = turn.before.rollouts.get(owner)
    return before if before is not None and before == after else after


def _verdict(scene: Scene, slots: Slots, blocked: str, working: int) -> Verdict:
    state = scene.state
    wanted, new = scene.recipe.replicas, state.template_hash
    if state.phase == "failed":
        return verdict("failed", joined(state.message, blocked), slots, new, wanted)
    if state.phase == "paused":
        paused = verdict("paused", joined(state.message, blocked), slots, new, wanted)
        return msgspec.structs.replace(paused, asks=goes_on_at(scene) is None)
    if scene.late:
        return verdict("failed", joined(state.message, blocked), slots, new, wanted)
    crowd = scene.sight.of(new)
    settled = crowd.count == crowd.available == wanted == scene.sight.total and not working
    ended = not slots.ending and not slots.faulty
    if scene.way.stage == "done" and settled and ended and not blocked:
        return verdict("converged", "", slots, new, wanted)
    if blocked and not working:
        return verdict("blocked", blocked, slots, new, wanted)
    return verdict("progressing", standing_text(scene) or _left(scene), slots, new, wanted)


def _left(scene: Scene) -> str:
    """Promoted, and not all is as it should be yet."""
    crowd = scene.sight.of(scene.state.template_hash)
    return (
        f"promoted; {crowd.available} of {scene.recipe.replicas} pods available, {scene.sight.total} in all"
    )
