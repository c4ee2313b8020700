"""ReplicaSet and ReplicationController: keep a number of pods. A changed template is for new pods only."""

from __future__ import annotations

from reconciler.decide import effects
from reconciler.decide.current import Pass
from reconciler.decide.rollout.state import Sight
from reconciler.decide.rollout.victims import victims
from reconciler.decide.slots import Slots, gather
from reconciler.decide.standing import DEADLINE, complaint, joined, remember, verdict
from reconciler.decide.version import wanted_version
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState
from reconciler.model.workload import ReplicaSet, ReplicationController


def plan_replicas(turn: Pass, owner: Key, workload: ReplicaSet | ReplicationController) -> Verdict:
    want = workload.spec.replicas
    slots = gather(turn, owner, want, float(workload.spec.min_ready_seconds))
    version = wanted_version(turn.desired, owner)
    before = turn.before.rollouts.get(owner)
    same = before is not None and before.template_hash == version.template_hash
    refused = effects.learned(slots, before.refused_architectures if before and same else ())
    slots = effects.without_unfit(slots, frozenset(refused))
    slots = effects.without_stale(slots, version.template_hash)
    effects.clear_faulty(turn, slots)
    effects.note_away(turn, slots)
    if slots.other_than(version.template_hash):
        turn.draft.note(f"{owner}: its template changed; running pods keep the old one, as in Kubernetes")
    available = sum(s.available for s in slots.here)
    sight = Sight(
        template_hash=version.template_hash,
        revision=version.revision,
        replicas=want,
        updated=len(slots.here),
        available=available,
        finished=available == len(slots.here) == want and not slots.hidden,
        deadline=DEADLINE,
        complaint=complaint(slots.here),
    )
    state = remember(turn, owner, sight, slots, refused)
    has = len(slots.here) + slots.hidden
    out = victims(slots.here, len(slots.here) - want)
    because = f"{owner.name} wants {want} and has {len(slots.here)}"
    if slots.away:
        because += f"; {', '.join(sorted({p.node for p in slots.away}))} is gone"
    effects.stop_slots(turn, out, because)
    blocked = effects.start_pods(
        turn, owner, version, want - has, because, slots.records, refused=frozenset(refused)
    )
    gone = {id(s) for s in out}
    working = effects.tend(turn, [s for s in slots.here if id(s) not in gone])
    return _verdict(turn, owner, slots, state, want, blocked, working)


def _verdict(
    turn: Pass, owner: Key, slots: Slots, state: RolloutState, want: int, blocked: str, working: int
) -> Verdict:
    available = sum(s.available for s in slots.here)
    exact = available == len(slots.here) == want and not slots.hidden
    if blocked:
        turn.draft.wait(str(owner), blocked)
    if state.phase == "failed":
        return verdict("failed", joined(state.message, blocked), slots, state.template_hash, want)
    if exact and not working and not slots.ending and not slots.faulty:
        return verdict("converged", "", slots, state.template_hash, want)
    if blocked and not working:
        return verdict("blocked", blocked, slots, state.template_hash, want)
    return verdict("progressing", f"{available} of {want} pods available", slots, state.template_hash, want)
