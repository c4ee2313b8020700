"""A bare Pod: one, of exactly the wanted spec. Git is the truth: changed, it is replaced; lost, it moves."""

from __future__ import annotations

from reconciler.decide import effects
from reconciler.decide.current import Pass
from reconciler.decide.diff import summary
from reconciler.decide.rollout.state import Sight
from reconciler.decide.rollout.victims import victims
from reconciler.decide.slots import Slot, Slots, gather
from reconciler.decide.standing import DEADLINE, complaint, joined, remember, verdict
from reconciler.decide.version import Version, wanted_version
from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from reconciler.model.plan import Verdict
from reconciler.model.pod import Pod
from reconciler.model.progress import RolloutState


def plan_pod(turn: Pass, owner: Key, pod: Pod) -> Verdict:
    version = wanted_version(turn.desired, owner)
    slots = gather(turn, owner, 1)
    before = turn.before.rollouts.get(owner)
    same = before is not None and before.template_hash == version.template_hash
    refused = effects.learned(slots, before.refused_architectures if before and same else ())
    slots = effects.without_unfit(slots, frozenset(refused))
    effects.clear_faulty(turn, slots)
    effects.note_away(turn, slots)
    done = _done(slots, version.template_hash)
    state = remember(turn, owner, _sight(version, slots, done), slots, refused)
    out = _stop(turn, owner, version, slots)
    blocked = ""
    if not slots.here and not slots.ending and not slots.faulty and not slots.hidden and done is None:
        because = _why(slots, owner)
        blocked = effects.start_pods(turn, owner, version, 1, because, [], refused=frozenset(refused))
    gone = {id(s) for s in out}
    working = effects.tend(turn, [s for s in slots.here if id(s) not in gone])
    return _verdict(turn, owner, slots, state, done, blocked, working or len(out))


def _done(slots: Slots, template_hash: str) -> PodState | None:
    """It has run to its end, here or on a node that is gone: it isn't run again."""
    pods = [s.pod for s in slots.here if s.pod is not None]
    ended = [p for p in (*pods, *slots.away) if p.record.template_hash == template_hash]
    return next((p for p in ended if p.phase in ("Succeeded", "Failed")), None)


def _sight(version: Version, slots: Slots, done: PodState | None) -> Sight:
    mine = slots.of(version.template_hash)
    available = sum(s.available for s in mine)
    return Sight(
        template_hash=version.template_hash,
        revision=version.revision,
        replicas=1,
        updated=len(mine),
        available=available,
        finished=(available == len(slots.here) == 1 or (done is not None and done.phase == "Succeeded")),
        ended=done is not None,
        deadline=DEADLINE,
        complaint=complaint(mine),
    )


def _stop(turn: Pass, owner: Key, version: Version, slots: Slots) -> list[Slot]:
    """Changed ones at once; of several of the right kind all but the best."""
    old = slots.other_than(version.template_hash)
    if old:
        change = summary(old[0].record, version)
        effects.stop_slots(turn, old, f"{change}; Git is the truth, so the pod is replaced")
    doubles = victims(slots.of(version.template_hash), len(slots.of(version.template_hash)) - 1)
    effects.stop_slots(turn, doubles, f"{owner.name} runs on another node too")
    return [*old, *doubles]


def _why(slots: Slots, owner: Key) -> str:
    if slots.away:
        return f"{', '.join(sorted({p.node for p in slots.away}))} is gone with it"
    return f"{owner.name} is wanted and isn't there"


def _verdict(
    turn: Pass,
    owner: Key,
    slots: Slots,
    state: RolloutState,
    done: PodState | None,
    blocked: str,
    working: int,
) -> Verdict:
    if blocked:
        turn.draft.wait(str(owner), blocked)
    if done is not None and done.phase == "Failed":
        return verdict(
            "failed", f"{done.reason or 'Failed'} {done.message}".strip(), slots, state.template_hash, 1
        )
    if state.phase == "failed":
        return verdict("failed", joined(state.message, blocked), slots, state.template_hash, 1)
    quiet = not working and not slots.ending and not slots.faulty and not slots.hidden
    if quiet and (done is not None or [s.available for s in slots.here] == [True]):
        return verdict("converged", "Completed" if done else "", slots, state.template_hash, 1)
    if blocked and not working:
        return verdict("blocked", blocked, slots, state.template_hash, 1)
    return verdict("progressing", complaint(slots.here), slots, state.template_hash, 1)
