"""A Job as a measurement: a pod that runs to its end, once more after each failure.

    of try 0, 1, ... backoffLimit   then
    there is no pod                 it is started, unless it may be on a node that nobody has looked into
    it is starting or running       wait; after activeDeadlineSeconds the measurement is Failed
    its image can't be had          the measurement is Inconclusive: somebody has to look (Argo Rollouts)
    it can't be started otherwise   tried again; after START_S seconds the measurement is an Error
    it has succeeded                the measurement is Successful
    it has failed, or its node      the next try; after the last one the measurement is Failed
    is given up

Pods carry their names and their owner, the AnalysisRun; nothing else is remembered of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from hashlib import blake2b

from reconciler.decide import effects
from reconciler.decide.analysis.limits import backoff_limit
from reconciler.decide.analysis.run import with_measurement
from reconciler.decide.current import Pass
from reconciler.decide.slots import Slot, gather
from reconciler.decide.version import job_version
from reconciler.errors import ImageUnavailable
from reconciler.model.analysis import JobMetric, Metric
from reconciler.model.delivery import ENDED, AnalysisPhase, Measurement, RunState
from reconciler.model.meta import Key
from reconciler.model.observed import PodState

START_S = 120.0
"""Seconds after which a pod that can't be started is an error of the measurement."""
LONGEST_NAME = 63


def pod_name(run: str, metric: str, number: int, attempt: int) -> str:
    """`<run>-<metric>-<number>-<try>`; what doesn't fit into a DNS label is cut, and told apart by a hash."""
    tail = f"-{number}-{attempt}"
    whole = f"{run}-{metric}"
    plain = re.sub(r"[^a-z0-9-]", "-", whole.lower()).strip("-")
    if plain == whole and len(plain) + len(tail) <= LONGEST_NAME:
        return plain + tail
    mark = blake2b(whole.encode(), digest_size=3).hexdigest()
    return f"{plain[: LONGEST_NAME - len(tail) - 7].rstrip('-')}-{mark}{tail}"


def measure(turn: Pass, key: Key, run: RunState, metric: Metric, job: JobMetric) -> RunState:
    """Bring the measurement that is due one step further; the run with it counted, once it is over."""
    number = run.metrics[metric.name].taken
    slots = gather(turn, key, 1)
    seen = {p.record.name: p for p in turn.observed.by_owner.get(key, ())}
    here = {s.name: s for s in slots.here}
    lost = {p.record.name for p in slots.away} | {p.record.name for p, _ in slots.faulty}
    tries = _tries(key, metric, number, seen.keys() | here.keys())
    begun = min((_created(turn, p) for n, p in seen.items() if n in tries and p.created_at), default=turn.now)
    failed: PodState | None = None
    # Whoever has removed an earlier one doesn't get that try again.
    for attempt in range(max(tries.values(), default=0), backoff_limit(metric) + 1):
        name = pod_name(key.name, metric.name, number, attempt)
        pod, slot = seen.get(name), here.get(name)
        if pod is not None and pod.phase == "Succeeded":
            return _over(turn, run, metric, "Successful", f"pod {name} has succeeded", begun)
        if pod is not None and (pod.phase == "Failed" or name in lost):
            failed = pod
            continue
        if slot is not None:
            return _under_way(turn, run, metric, job, slot, begun)
        if pod is None and not slots.hidden:
            _start(turn, key, job, name, failed)
        return run
    assert failed is not None
    said = ": ".join(t for t in (f"pod {failed.record.name} has failed", failed.reason, failed.message) if t)
    return _over(turn, run, metric, "Failed", said, begun)


def _created(turn: Pass, pod: PodState) -> float:
    """By our clock. One that is only just being made has no time yet."""
    view = turn.survey.views[pod.node]
    return pod.created_at + turn.now - view.clock(turn.now)


def _tries(key: Key, metric: Metric, number: int, names: Iterable[str]) -> dict[str, int]:
    """Those among `names` that are a try of this measurement, and which. `backoffLimit` may be in millions:
    they are never written down all.
    """
    tails = {name: name.rpartition("-")[2] for name in names}
    found = {name: int(tail) for name, tail in tails.items() if re.fullmatch("[0-9]{1,10}", tail)}
    most = backoff_limit(metric)
    return {
        name: attempt
        for name, attempt in found.items()
        if attempt <= most and pod_name(key.name, metric.name, number, attempt) == name
    }


def _over(
    turn: Pass, run: RunState, metric: Metric, phase: AnalysisPhase, message: str, begun: float
) -> RunState:
    said = Measurement(
        phase=phase,
        started_at=min(begun, turn.now),
        finished_at=turn.now,
        message="" if phase == "Successful" else message,
    )
    return with_measurement(run, metric, said)


def _under_way(
    turn: Pass, run: RunState, metric: Metric, job: JobMetric, slot: Slot, begun: float
) -> RunState:
    attempt = slot.attempt
    if attempt is not None:
        said = f"pod {slot.name} couldn't be started: {attempt.reason}: {attempt.message}"
        if attempt.reason == ImageUnavailable.reason:
            return _over(turn, run, metric, "Inconclusive", said, attempt.first_at)
        if turn.now - attempt.first_at >= START_S:
            return _over(turn, run, metric, "Error", said, attempt.first_at)
    if (limit := job.spec.active_deadline_seconds) is not None:
        since = min(begun, attempt.first_at) if attempt is not None else begun
        if turn.now >= since + limit:
            said = f"pod {slot.name} was stopped: DeadlineExceeded: activeDeadlineSeconds is {limit}"
            return _over(turn, run, metric, "Failed", said, since)
        turn.draft.wait(
            f"pod {slot.name}", f"it may run for {limit} s (activeDeadlineSeconds)", since + limit
        )
    effects.tend(turn, [slot])
    if attempt is not None:
        turn.draft.wait(
            f"pod {slot.name}", "it counts as failed if it can't be started", attempt.first_at + START_S
        )
    turn.draft.wait(f"pod {slot.name}", "it measures, and hasn't ended yet")
    return run


def _start(turn: Pass, key: Key, job: JobMetric, name: str, failed: PodState | None) -> None:
    because = f"{key.name} measures with it"
    if failed is not None:
        because = f"another try after {failed.record.name} has failed"
    blocked = effects.start_pods(turn, key, job_version(turn.desired, job), 1, because, [], name=name)
    if blocked:
        turn.homeless[key] = f"pod {name} of an analysis has no place: {blocked}"
    turn.draft.wait(f"pod {name}", blocked or "it measures, and hasn't ended yet")


def clear(turn: Pass) -> None:
    """Pods whose measurement is over go, and attempts at them are forgotten; so do those that mustn't stay
    where they are. What has ended by itself stays until then: it is counted.
    """
    for key, run in turn.runs.items():
        pods, attempts = turn.observed.by_owner.get(key, ()), list(turn.attempts_of(key))
        names = {pod.record.name for pod in pods} | {attempt.record.name for attempt in attempts}
        wanted = _wanted(key, run, names)
        faulty = {pod.key: why for pod, why in gather(turn, key, 0).faulty}
        for pod in pods:
            if pod.record.name not in wanted and not pod.terminating:
                over = f"{key} has ended: {run.phase}" if run.phase in ENDED else "its measurement is over"
                effects.stop_pod(turn, pod, over)
            elif pod.key in faulty and pod.phase not in ("Succeeded", "Failed"):
                effects.stop_pod(turn, pod, faulty[pod.key])
        for attempt in attempts:
            if attempt.record.name not in wanted:
                turn.attempts.pop(attempt.record.key, None)


def _wanted(key: Key, run: RunState, names: Collection[str]) -> set[str]:
    """Those among `names` that are for what is being measured."""
    if run.phase in ENDED:
        return set()
    jobs = [
        m for m in run.spec.metrics if m.provider.job is not None and run.metrics[m.name].phase not in ENDED
    ]
    return {name for m in jobs for name in _tries(key, m, run.metrics[m.name].taken, names)}
