"""Deployment: RollingUpdate, Recreate, paused, failed. Kubernetes' semantics on pods alone."""

from __future__ import annotations

import msgspec

from reconciler.decide import effects
from reconciler.decide.current import Pass
from reconciler.decide.diff import summary
from reconciler.decide.rollout.budget import Budget, budget_of
from reconciler.decide.rollout.fallback import older_version
from reconciler.decide.rollout.rolling import Counts, Move, roll
from reconciler.decide.rollout.scaling import rescale
from reconciler.decide.rollout.state import Sight
from reconciler.decide.rollout.victims import victims
from reconciler.decide.slots import Slot, Slots, gather
from reconciler.decide.standing import complaint, joined, remember, verdict
from reconciler.decide.version import Version, wanted_version
from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState
from reconciler.model.workload import Deployment, DeploymentSpec

LOOKED_UP_AGAIN = 30.0
"""Seconds between two looks for the older version that is to serve, when nothing is left of it."""


class Scene(Value):
    """Everything about one Deployment in this pass. `goal` is what is rolled to: the wanted version, or an
    older one once the wanted one has failed. `older` is what lost pods of before can be restored from.
    """

    owner: Key
    spec: DeploymentSpec
    budget: Budget
    slots: Slots
    state: RolloutState
    goal: Version
    older: Version | None
    failed: bool

    @property
    def new(self) -> list[Slot]:
        return self.slots.of(self.goal.template_hash)

    @property
    def old(self) -> list[Slot]:
        """Pods of other versions; those on lost nodes are written off, they would be the first to go."""
        return [s for s in self.slots.other_than(self.goal.template_hash) if s.view.status != "lost"]

    @property
    def counts(self) -> Counts:
        return Counts(
            new=len(self.new),
            new_available=sum(s.available for s in self.new),
            old=len(self.old),
            old_available=sum(s.available for s in self.old),
            hidden=self.slots.hidden,
            restorable=self.older is not None,
        )


def plan_deployment(turn: Pass, owner: Key, deployment: Deployment) -> Verdict:
    scene = _look(turn, owner, deployment.spec)
    effects.clear_faulty(turn, scene.slots)
    effects.note_away(turn, scene.slots)
    if scene.state.phase == "paused":
        stopped, blocked = _hold(turn, scene)
    elif scene.spec.strategy.type == "Recreate":
        stopped, blocked = _recreate(turn, scene)
    else:
        stopped, blocked = _roll(turn, scene)
    gone = {id(s) for s in stopped}
    working = effects.tend(turn, [s for s in scene.slots.here if id(s) not in gone])
    return _verdict(turn, scene, blocked, working)


def _look(turn: Pass, owner: Key, spec: DeploymentSpec) -> Scene:
    wanted = wanted_version(turn.desired, owner)
    slots = gather(turn, owner, spec.replicas, float(spec.min_ready_seconds))
    before = turn.before.rollouts.get(owner)
    same = before is not None and before.template_hash == wanted.template_hash
    refused = effects.learned(slots, before.refused_architectures if before and same else ())
    slots = effects.without_unfit(slots, frozenset(refused))
    older = older_version(turn, owner, wanted.template_hash)
    state = remember(turn, owner, _sight(spec, wanted, slots, older), slots, refused)
    failed = state.phase == "failed"
    unknown = older is None and state.stable_hash not in ("", wanted.template_hash)
    if unknown and (failed or before is None):
        again = turn.now + (LOOKED_UP_AGAIN if before is not None and before.phase == "failed" else 0.1)
        turn.draft.wait(str(owner), f"its version {state.stable_hash} is looked up", again)
    return Scene(
        owner=owner,
        spec=spec,
        budget=budget_of(spec.strategy, spec.replicas),
        slots=slots,
        state=state,
        goal=older if failed and older is not None else wanted,
        older=None if failed else older,
        failed=failed,
    )


def _sight(spec: DeploymentSpec, wanted: Version, slots: Slots, older: Version | None) -> Sight:
    new = slots.of(wanted.template_hash)
    old = [s for s in slots.other_than(wanted.template_hash) if s.view.status != "lost"]
    available = sum(s.available for s in new)
    return Sight(
        template_hash=wanted.template_hash,
        revision=wanted.revision,
        replicas=spec.replicas,
        updated=len(new),
        available=available,
        finished=available == len(new) == spec.replicas and not old and not slots.hidden,
        paused=spec.paused,
        fallback=older is not None,
        deadline=spec.progress_deadline_seconds,
        history_limit=spec.revision_history_limit,
        complaint=complaint(new),
    )


def _roll(turn: Pass, scene: Scene) -> tuple[list[Slot], str]:
    before = turn.before.rollouts.get(scene.owner)
    counts = scene.counts
    resized = before is not None and before.replicas not in (None, scene.spec.replicas)
    if resized and before and before.replicas is not None and counts.new and counts.old:
        return _move(turn, scene, rescale(counts, scene.budget, before.replicas))
    return _move(turn, scene, roll(counts, scene.budget))


def _move(turn: Pass, scene: Scene, move: Move) -> tuple[list[Slot], str]:
    out = [*victims(scene.old, move.stop_old), *victims(scene.new, move.stop_new)]
    old_out, new_out = out[: move.stop_old], out[move.stop_old :]
    effects.stop_slots(turn, old_out, _why_old_goes(scene))
    effects.stop_slots(
        turn, new_out, f"{scene.owner.name} wants {scene.spec.replicas} and has {len(scene.new)}"
    )
    blocked = ""
    if scene.older is not None and move.start_old:
        blocked = _start(turn, scene, scene.older, move.start_old, _why_old_starts(scene))
    return out, _start(turn, scene, scene.goal, move.start_new, _why_new_starts(scene)) or blocked


def _recreate(turn: Pass, scene: Scene) -> tuple[list[Slot], str]:
    """Every old pod is gone before the first new one starts."""
    goal = scene.goal.template_hash
    old = scene.old
    stops = effects.stop_slots(turn, old, _why_old_goes(scene))
    surplus = victims(scene.new, max(0, len(scene.new) - scene.spec.replicas))
    effects.stop_slots(turn, surplus, f"{scene.owner.name} wants {scene.spec.replicas}")
    still = [p.record.name for p in scene.slots.ending if p.record.template_hash != goal]
    still += [s.name for s in old if s.pod is not None][len(stops) :]
    if still:
        turn.draft.wait(f"pod {', '.join(still)}", "Recreate: the old pods must be gone first")
        return [*old, *surplus], ""
    missing = scene.spec.replicas - len(scene.new) - scene.slots.hidden
    return [*old, *surplus], _start(turn, scene, scene.goal, missing, _why_new_starts(scene), stops)


def _hold(turn: Pass, scene: Scene) -> tuple[list[Slot], str]:
    """Paused: nothing is rolled, but the number of pods is kept."""
    counts, budget = scene.counts, scene.budget
    most = budget.most if counts.new and counts.old else budget.desired
    serving = scene.older if scene.older is not None else (scene.goal if counts.new else None)
    out = victims([*scene.old, *scene.new], max(0, counts.total - most))
    effects.stop_slots(turn, out, f"{scene.owner.name} wants {scene.spec.replicas} and has {counts.total}")
    turn.draft.wait(str(scene.owner), "it is paused (spec.paused)")
    if serving is None:
        return out, ""
    because = f"{scene.owner.name} wants {scene.spec.replicas} and has {counts.total}; it is paused"
    return out, _start(turn, scene, serving, budget.desired - counts.total, because)


def _start(
    turn: Pass, scene: Scene, version: Version, count: int, because: str, after: list[int] | None = None
) -> str:
    refused = frozenset(
        scene.state.refused_architectures if version is scene.goal and not scene.failed else ()
    )
    return effects.start_pods(
        turn, scene.owner, version, count, because, scene.slots.records, after=after or (), refused=refused
    )


def _why_new_starts(scene: Scene) -> str:
    if scene.failed and scene.goal.template_hash != scene.state.template_hash:
        return f"{scene.state.template_hash} has failed; {scene.goal.template_hash} goes on serving"
    if scene.slots.away:
        return f"{', '.join(sorted({p.node for p in scene.slots.away}))} is gone with its pods"
    if scene.old:
        return summary(scene.old[0].record, scene.goal)
    return f"{scene.owner.name} wants {scene.spec.replicas} and has {len(scene.new)}"


def _why_old_starts(scene: Scene) -> str:
    return f"{scene.owner.name} must keep {scene.budget.least} pods available until their successors are"


def _why_old_goes(scene: Scene) -> str:
    if scene.failed and scene.goal.template_hash != scene.state.template_hash:
        return f"{scene.state.template_hash} has failed: {scene.state.message}"
    return summary(scene.old[0].record, scene.goal) if scene.old else ""


def _verdict(turn: Pass, scene: Scene, blocked: str, working: int) -> Verdict:
    counts, want = scene.counts, scene.spec.replicas
    settled = counts.new == counts.new_available == want and not counts.old and not scene.slots.hidden
    ended = not scene.slots.ending and not scene.slots.faulty
    wanted = scene.state.template_hash
    if blocked:
        turn.draft.wait(str(scene.owner), blocked)
    if scene.failed:
        return verdict("failed", joined(scene.state.message, blocked), scene.slots, wanted, want)
    if scene.state.phase == "paused":
        paused = verdict("paused", scene.state.message, scene.slots, wanted, want)
        return msgspec.structs.replace(paused, asks=True)
    if settled and ended and not working:
        return verdict("converged", "", scene.slots, wanted, want)
    if blocked and not working:
        return verdict("blocked", blocked, scene.slots, wanted, want)
    message = f"{counts.new} of {want} pods updated, {counts.new_available} of these available"
    if counts.new > want:
        message = f"more pods than wanted: {counts.new} instead of {want}"
    return verdict("progressing", message, scene.slots, wanted, want)
