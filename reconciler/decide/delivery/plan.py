"""One object in one pass: where its delivery stands, which pods come and go, what is waited for."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.decide import effects
from reconciler.decide.analysis import Asked, pursue, terminate
from reconciler.decide.current import Pass
from reconciler.decide.delivery import bluegreen
from reconciler.decide.delivery.adapt import adapted
from reconciler.decide.delivery.approach import Moves, freely, within
from reconciler.decide.delivery.begin import next_version
from reconciler.decide.delivery.canary import pause_of
from reconciler.decide.delivery.judges import judges
from reconciler.decide.delivery.memory import beginning
from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.decide.delivery.scale import targets
from reconciler.decide.delivery.sight import Sight, crowds
from reconciler.decide.delivery.stages import advance, late_message
from reconciler.decide.delivery.versions import records, versions
from reconciler.decide.delivery.way import Judged, Scene, way_of
from reconciler.decide.delivery.words import standing_text, why_start, why_stop
from reconciler.decide.rollout.victims import victims
from reconciler.decide.slots import Slot, Slots, gather
from reconciler.decide.standing import complaint, joined, verdict
from reconciler.model.delivery import ENDED, RunRole, RunState
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment

REVERT = 'Revert "'
"""How `git revert` begins a commit's subject."""


def plan_delivery(turn: Pass, owner: Key, workload: Rollout | Deployment) -> Verdict:
    recipe = recipe_of(turn.desired, owner, workload)
    assert recipe is not None, "the caller has asked"
    slots, refused = _slots(turn, owner, recipe)
    scene = _advanced(turn, owner, workload, recipe, slots)
    effects.clear_faulty(turn, slots)
    effects.note_away(turn, slots)
    moves = _moves(scene, turn.now)
    stopped = _stop(turn, owner, scene, slots, moves)
    blocked = _start(turn, owner, scene, slots, moves, refused)
    if not moves.start and not moves.stop:
        stopped += _restart(turn, scene, slots)
    gone = {id(s) for s in stopped}
    working = effects.tend(turn, [s for s in slots.here if id(s) not in gone])
    _wait(turn, owner, scene)
    state = _told(turn, owner, scene, refused)
    turn.rollouts[owner] = state
    return _verdict(turn, owner, scene, state, slots, blocked, working)


def _slots(turn: Pass, owner: Key, recipe: Recipe) -> tuple[Slots, tuple[str, ...]]:
    """The pods, and the node architectures that the newest version has no image for."""
    before = turn.before.rollouts.get(owner)
    doubled = before is not None and before.delivery is not None and not recipe.shared
    wanted = recipe.replicas * (2 if doubled and before and before.phase != "complete" else 1)
    slots = gather(turn, owner, wanted, recipe.min_ready)
    same = before is not None and before.template_hash == turn.desired.hashes[owner]
    refused = effects.learned(slots, before.refused_architectures if before and same else ())
    return effects.without_unfit(slots, frozenset(refused)), refused


def _advanced(turn: Pass, owner: Key, workload: Rollout | Deployment, recipe: Recipe, slots: Slots) -> Scene:
    sight = _sight(turn, owner, slots)
    before = turn.before.rollouts.get(owner)
    if before is None or before.delivery is None:
        state = beginning(turn, owner, workload, recipe, sight, records(slots), before)
    else:
        state = adapted(before, recipe, sight, turn.now)
        if state.template_hash != sight.template_hash:
            state = next_version(state, sight, recipe, turn.now)
    runs: dict[Key, RunState] = {}

    def judged(state: RolloutState) -> dict[RunRole, Judged]:
        found: dict[RunRole, Judged] = {}
        for judge in judges(owner, state, recipe, sight):
            if judge.key not in runs:
                asked = Asked(
                    key=judge.key,
                    owner=owner,
                    role=judge.role,
                    analysis=judge.analysis,
                    step=judge.step,
                    template_hash=state.template_hash,
                    stable_hash=state.stable_hash,
                    canary=_names(slots.of(state.template_hash)),
                    stable=_names(slots.of(state.stable_hash)),
                    services=_services(turn, owner, workload),
                    fields=_fields(workload) if judge.key not in turn.before.runs else {},
                )
                runs[judge.key] = pursue(turn, asked)
            run = runs[judge.key]
            found[judge.role] = Judged(name=judge.key.name, phase=run.phase, message=run.message)
        return found

    state = advance(state, recipe, sight, judged, turn.now)
    live = {judge.key for judge in judges(owner, state, recipe, sight)}
    for key, run in {**turn.before.runs, **runs}.items():
        if run.owner == owner and key not in live and run.phase not in ENDED:
            terminate(turn, key, "it isn't asked for any more")
    return Scene(state=state, recipe=recipe, sight=sight, verdicts={}, now=turn.now)


def _sight(turn: Pass, owner: Key, slots: Slots) -> Sight:
    before = turn.before.rollouts.get(owner)
    wanted = turn.desired.hashes[owner]
    kept = {wanted, before.stable_hash} if before else {r.template_hash for r in slots.records}
    return Sight(
        template_hash=wanted,
        revision=turn.desired.revision.id,
        reverts=turn.desired.revision.subject.startswith(REVERT),
        crowds=crowds(slots.here, kept),
        hidden=slots.hidden,
        complaint=complaint(slots.of(wanted)),
    )


def _names(slots: list[Slot]) -> tuple[str, ...]:
    return tuple(sorted(s.name for s in slots))


def _services(turn: Pass, owner: Key, workload: Rollout | Deployment) -> tuple[str, ...]:
    labels = workload.spec.template.metadata.labels
    return tuple(
        key.name
        for key, service in turn.desired.services.items()
        if key.namespace == owner.namespace
        and service.spec.selector
        and service.spec.selector.items() <= labels.items()
    )


def _fields(workload: Rollout | Deployment) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(workload)
    return found


def _moves(scene: Scene, now: float) -> Moves:
    state, way, recipe = scene.state, scene.way, scene.recipe
    wanted = targets(state, way, recipe, scene.sight, now)
    first = state.template_hash if way.stage in ("first", "done") else state.stable_hash
    if recipe.shared or way.stage == "first":
        return within(scene.sight, wanted, recipe.budget, first)
    return freely(scene.sight, wanted, first)


def _stop(turn: Pass, owner: Key, scene: Scene, slots: Slots, moves: Moves) -> list[Slot]:
    stopped: list[Slot] = []
    for version, count in moves.stop.items():
        kept = version in (scene.state.template_hash, scene.state.stable_hash)
        out = victims([s for s in slots.of(version) if kept or s.view.status != "lost"], count)
        effects.stop_slots(turn, out, why_stop(scene, version))
        stopped += out
    return stopped


def _start(turn: Pass, owner: Key, scene: Scene, slots: Slots, moves: Moves, refused: tuple[str, ...]) -> str:
    known = versions(turn, owner, slots) if moves.start else {}
    own, blocked = list(slots.records), ""
    for hash_, count in moves.start.items():
        version = known.get(hash_)
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


def _restart(turn: Pass, scene: Scene, slots: Slots) -> list[Slot]:
    """restartAt: pods that are older go, as many at a time as may be unavailable, the stable ones first."""
    at, stable = scene.recipe.restart_at, scene.state.stable_hash
    if not at or turn.now < at or not all(s.available for s in slots.here):
        return []
    old = [s for s in slots.here if s.pod is not None and s.pod.created_at < at]
    ordered = sorted(old, key=lambda s: (s.record.template_hash != stable, s.name))
    out = ordered[: max(1, scene.recipe.budget.unavailable)]
    effects.stop_slots(turn, out, "it is older than spec.restartAt")
    return out


def _wait(turn: Pass, owner: Key, scene: Scene) -> None:
    """Everything that time alone brings."""
    way, recipe, state = scene.way, scene.recipe, scene.state
    text, until = standing_text(scene), None
    if way.stage == "stepping" and way.step < len(recipe.steps):
        length = pause_of(recipe.steps[way.step])
        paused = recipe.steps[way.step].pause is not None
        until = way.step_since + length if paused and length is not None else None
    if way.stage == "preview" and way.step < bluegreen.READY:
        until = bluegreen.promoted_at(scene)
    if way.stage != "done" and text:
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
    if recipe.restart_at > turn.now:
        turn.draft.wait(str(owner), "its pods are restarted then (spec.restartAt)", recipe.restart_at)


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


def _verdict(
    turn: Pass, owner: Key, scene: Scene, state: RolloutState, slots: Slots, blocked: str, working: int
) -> Verdict:
    wanted, new = scene.recipe.replicas, state.template_hash
    if blocked:
        turn.draft.wait(str(owner), blocked)
    if state.phase == "failed":
        return verdict("failed", joined(state.message, blocked), slots, new, wanted)
    if state.phase == "paused":
        return verdict("paused", joined(state.message, blocked), slots, new, wanted)
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
