"""desired x observed x progress x now becomes a plan. Pure: no I/O, no clock, no randomness, no logging.

survey      how each node stands
slots       which pods hold a workload's places
hidden      pods that may run where nobody has looked
workloads   one file a kind
standing    from what was seen and planned of a workload to how it stands
delivery    blue-green and canary
analysis    how versions are judged
analysis    what is measured, how it is judged
rollout     from one version to the next
schedule    where a pod goes, and why nowhere
lifecycle   what a pod needs next
isolated    one object's trouble is its own
attempts    pods that couldn't be started
prune       what nobody wants any more
images      what goes when a disk fills up
network     what every node's data plane is told, and in which order
diff        what changed, in words
settled     what the next pass needn't look at again
"""

from __future__ import annotations

import msgspec

from reconciler.decide.analysis import plan_runs
from reconciler.decide.current import Pass
from reconciler.decide.delivery.handover import takers
from reconciler.decide.effects import prepare_idle
from reconciler.decide.images import collect_images, remember_images
from reconciler.decide.isolated import as_it_was, isolated
from reconciler.decide.network import NetworkMemo, plan_network
from reconciler.decide.prune import prune
from reconciler.decide.schedule.ground import Bases
from reconciler.decide.settled import Calm, Memo, Settled
from reconciler.decide.survey import survey
from reconciler.decide.workloads import plan_workload
from reconciler.model.action import StopPod
from reconciler.model.desired import Desired
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan, Standing, Verdict
from reconciler.model.progress import Progress

__all__ = ["Settled", "decide"]


AT_ONCE = 0.01
"""Seconds until the next pass when this one has made room without any action."""


def decide(
    desired: Desired,
    observed: Observed,
    progress: Progress,
    now: float,
    settled: Settled | None = None,
    *,
    ahead: float = 0.0,
) -> Plan:
    """The plan up to the next wait. `now` in seconds since the epoch, by a clock that never jumps: every
    duration is counted by it. People's clocks are `ahead` of it by so many seconds; only a moment that a
    manifest names is by theirs.

    `settled` is an earlier plan's and only makes it faster. The result depends on nothing else.
    """
    seen = survey(desired.fleet, observed, now)
    memo = settled if isinstance(settled, Memo) and settled.holds_at(now, ahead) else None
    turn = Pass(desired, observed, progress, now, seen, memo.bases if memo else {}, ahead)
    calm_before = memo.calm if memo and memo.survey.same_standing(seen) else {}
    calm: dict[Key, Calm] = {}
    turn.takers = isolated(turn, "workloadRef", lambda: takers(desired), {})
    verdicts: dict[Key, Verdict] = {}
    for key, workload in _takers_first(turn).items():
        verdicts[key] = _verdict(turn, key, workload, calm_before.get(key), calm)
    if turn.takers:
        verdicts = {key: verdicts[key] for key in desired.workloads}
    isolated(turn, "analyses", lambda: plan_runs(turn), None)
    pruning: Standing = isolated(turn, "what no manifest wants", lambda: prune(turn), "failed")
    _free_places(turn)
    isolated(turn, "images", lambda: collect_images(turn), None)
    isolated(turn, "idle nodes", lambda: prepare_idle(turn), None)
    network, network_memo = _network(turn, pruning, memo.network if memo else None)
    if unseen := turn.hidden.note():
        turn.draft.note(unseen)
    unasked = tuple(view.name for view in seen.views.values() if view.status == "unknown")
    if unasked:
        turn.draft.note(f"{', '.join(unasked)}: what runs there isn't known yet")
    plan = Plan(
        revision=desired.revision.id,
        steps=turn.draft.steps,
        waits=turn.draft.waits,
        notes=turn.draft.notes,
        verdicts=verdicts,
        progress=_progress(turn),
        standing=_standing(verdicts, pruning, network, "progressing" if unasked else "converged"),
        measures=tuple(turn.measures),
    )
    nothing: Bases = {}
    bases = isolated(turn, "what nodes hold", turn.ground.refresh, nothing)
    return plan.remember(Memo(seen, calm, bases, network_memo, now, ahead), tuple(turn.bugs))


def _network(
    turn: Pass, pruning: Standing, before: NetworkMemo | None
) -> tuple[Standing, NetworkMemo | None]:
    """Where it can't be planned nobody is told anything, and no pod ends that a proxy may still ask."""
    bugs = len(turn.bugs)
    nothing: tuple[Standing, NetworkMemo | None] = ("failed", None)
    network, memo = isolated(turn, "the network", lambda: plan_network(turn, pruning, before), nothing)
    if len(turn.bugs) == bugs:
        return network, memo
    if memo is None and turn.desired.fleet.spec.network.enabled:
        turn.draft.without(StopPod)
    return "failed", None


def _takers_first(turn: Pass) -> dict[Key, Workload]:
    """What Rollouts come to counts for the Deployments that hand over to them, in the same pass."""
    workloads = turn.desired.workloads
    if not turn.takers:
        return workloads
    return {taker.key: workloads[taker.key] for taker in turn.takers.values()} | workloads


def _verdict(turn: Pass, key: Key, workload: Workload, before: Calm | None, calm: dict[Key, Calm]) -> Verdict:
    """Take over the verdict of a workload for which nothing has changed; look at all others."""
    pods = turn.observed.by_owner.get(key, ())
    template_hash = turn.desired.hashes[key]
    rollout = turn.before.rollouts.get(key)
    if (
        before is not None
        and key not in turn.takers
        and before.holds(workload, template_hash, pods, rollout)
        and not turn.attempts_of(key)
    ):
        calm[key] = before
        if rollout is not None:
            turn.rollouts[key] = rollout
        return before.verdict
    said = turn.draft.size
    verdict = isolated(turn, str(key), lambda: plan_workload(turn, key, workload), None)
    if verdict is None:
        as_it_was(turn, key)
        return Verdict(standing="failed", message=str(turn.bugs[-1]), total=len(pods))
    isolated(turn, str(key), lambda: remember_images(turn, key), None)
    steady = key not in turn.unsteady and turn.draft.size == said
    if verdict.standing == "converged" and steady and not turn.attempts_of(key):
        calm[key] = Calm(
            workload=workload,
            template_hash=template_hash,
            pods=pods,
            rollout=turn.rollouts.get(key),
            verdict=verdict,
        )
    return verdict


def _free_places(turn: Pass) -> None:
    """Attempts that have become pointless leave their places: look again at once."""
    for key in sorted(turn.before.attempts.keys() - turn.attempts.keys()):
        turn.draft.wait(f"pod {key.name}", "it needs no further try; its place is free", turn.now + AT_ONCE)


def _progress(turn: Pass) -> Progress:
    """What was given, when nothing has changed: the caller sees by identity that there is nothing to save."""
    before = turn.before
    nodes = turn.hidden.nodes(turn.draft.starting())
    same = turn.rollouts == before.rollouts and turn.attempts == before.attempts
    if same and turn.runs == before.runs and nodes == before.nodes:
        return before
    attempts, runs = dict(sorted(turn.attempts.items())), dict(sorted(turn.runs.items()))
    return msgspec.structs.replace(before, rollouts=turn.rollouts, attempts=attempts, runs=runs, nodes=nodes)


def _standing(verdicts: dict[Key, Verdict], *others: Standing) -> Standing:
    found = {*others, *(v.standing for v in verdicts.values())}
    ladder: tuple[Standing, ...] = ("progressing", "failed", "blocked", "paused")
    return next((s for s in ladder if s in found), "converged")
