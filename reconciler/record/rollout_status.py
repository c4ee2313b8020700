"""Rollouts in Argo Rollouts' shape: what its plugin and dashboards read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.decide.rollout.budget import share as pods_of
from reconciler.model.delivery import Delivery, RunRole, RunState
from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import BlueGreenStrategy, CanaryStrategy, Rollout
from reconciler.record.deliveries.phase import phase_of
from reconciler.record.deliveries.sets import canary_of, max_weight
from reconciler.record.metadata import Shown, timestamp, without_empty
from reconciler.record.shape import shape
from reconciler.record.workload_status import head, told

PAUSES = {"inconclusive": "InconclusiveAnalysisRun"}
"""Argo Rollouts' PauseReason beside those of a strategy's own pauses."""

ANALYSES: dict[RunRole, tuple[str, str]] = {
    "step": ("canary", "currentStepAnalysisRunStatus"),
    "background": ("canary", "currentBackgroundAnalysisRunStatus"),
    "pre-promotion": ("blueGreen", "prePromotionAnalysisRunStatus"),
    "post-promotion": ("blueGreen", "postPromotionAnalysisRunStatus"),
}
"""Where a run stands in the status, by what it is for."""


def rollout_object(
    fleet: str,
    wanted: Rollout,
    pods: Sequence[PodState],
    verdict: Verdict,
    state: RolloutState | None,
    runs: Mapping[Key, RunState],
) -> Shown:
    """`runs` judge this object, oldest first."""
    status = _status(wanted, verdict, state)
    delivery = state.delivery if state else None
    if state is not None and delivery is not None:
        status |= _pauses(wanted, delivery) | _aborted(delivery)
        strategy = wanted.spec.strategy
        if strategy.canary is not None:
            status |= _canary(wanted, strategy.canary, state, delivery)
        if strategy.blue_green is not None:
            status |= _blue_green(strategy.blue_green, state, delivery)
        _add_runs(status, runs, state)
    return {**head(fleet, wanted, state, pods), "spec": shape(wanted.spec), "status": status}


def _status(wanted: Rollout, verdict: Verdict, state: RolloutState | None) -> Shown:
    phase, message = phase_of(state, verdict)
    plain = {
        "phase": phase,
        "message": message,
        "observedGeneration": str(state.number) if state else "",
        "currentPodHash": state.template_hash if state else "",
        "stableRS": state.stable_hash if state else "",
        "replicas": verdict.total,
        "updatedReplicas": verdict.updated,
        "readyReplicas": verdict.ready,
        "availableReplicas": verdict.available,
        "HPAReplicas": verdict.total,
        "selector": ",".join(f"{k}={v}" for k, v in sorted(wanted.spec.selector.match_labels.items())),
    }
    return {**without_empty(plain), "conditions": _conditions(wanted, verdict, state, phase, message)}


def _pauses(wanted: Rollout, delivery: Delivery) -> Shown:
    """What somebody said with `rollout pause` isn't among them: in Argo Rollouts it is `spec.paused`."""
    own = "BlueGreenPause" if wanted.spec.strategy.blue_green is not None else "CanaryPauseStep"
    conditions = [
        {"reason": PAUSES.get(hold.reason, own), "startTime": timestamp(hold.since)}
        for hold in delivery.holds
        if hold.reason in ("step", "inconclusive")
    ]
    return {"pauseConditions": conditions, "controllerPause": True} if conditions else {}


def _aborted(delivery: Delivery) -> Shown:
    if delivery.stage != "aborted":
        return {"promoteFull": True} if delivery.full and delivery.stage != "done" else {}
    return without_empty({"abort": True, "abortedAt": timestamp(delivery.ended_at)})


def _canary(wanted: Rollout, canary: CanaryStrategy, state: RolloutState, delivery: Delivery) -> Shown:
    """Argo Rollouts: after its last step the index is the number of steps, after an abort 0."""
    shown: Shown = {}
    steps = len(canary.steps)
    if steps:
        over = delivery.stage in ("first", "finishing", "done")
        shown["currentStepIndex"] = 0 if delivery.stage == "aborted" else steps if over else delivery.step
    if canary.traffic_routing is None and delivery.weight is None:
        return {**shown, "canary": {}}
    newest = canary_of(state)
    stable = state.stable_hash or newest
    weight = (delivery.weight or 0) if newest != stable else 0
    weights = {
        "canary": _destination(weight, canary.canary_service, newest),
        "stable": _destination(max_weight(wanted.spec.strategy) - weight, canary.stable_service, stable),
    }
    return {**shown, "canary": {"weights": weights}}


def _destination(weight: int, service: str, template_hash: str) -> Shown:
    return {"weight": weight, **without_empty({"serviceName": service, "podTemplateHash": template_hash})}


def _blue_green(blue: BlueGreenStrategy, state: RolloutState, delivery: Delivery) -> Shown:
    preview = state.template_hash if blue.preview_service and delivery.stage != "aborted" else ""
    return {"blueGreen": without_empty({"activeSelector": delivery.active_hash, "previewSelector": preview})}


def _add_runs(status: Shown, runs: Mapping[Key, RunState], state: RolloutState) -> None:
    """The newest one of each part."""
    for key, run in runs.items():
        if run.role in ANALYSES and run.template_hash == state.template_hash:
            strategy, name = ANALYSES[run.role]
            words = without_empty({"message": run.message})
            status.setdefault(strategy, {})[name] = {"name": key.name, "status": run.phase, **words}


def _conditions(
    wanted: Rollout, verdict: Verdict, state: RolloutState | None, phase: str, message: str
) -> list[Shown]:
    delivery = state.delivery if state else None
    since = state.progressed_at if state else None
    ended = (delivery.ended_at if delivery else None) or since
    held = max((h.since for h in delivery.holds), default=since) if delivery else since
    healthy, paused = phase == "Healthy", phase == "Paused"
    complete = state is not None and state.stable_hash == state.template_hash != ""
    text = "Rollout is healthy" if healthy else "Rollout is not healthy"
    pause = "Rollout is paused" if paused else "Rollout is not paused"
    return [
        _available(wanted, verdict, since),
        _progressing(wanted, state, phase, message, held if paused else since),
        told(
            "Paused",
            paused,
            held if paused else since,
            "RolloutPaused" if paused else "RolloutResumed",
            pause,
        ),
        told("Healthy", healthy, ended if healthy else since, "RolloutHealthy", text),
        _completed(state, complete, ended if complete else since),
    ]


def _available(wanted: Rollout, verdict: Verdict, since: float | None) -> Shown:
    strategy = wanted.spec.strategy
    most = strategy.blue_green or strategy.canary or CanaryStrategy()
    missing = pods_of(most.max_unavailable, verdict.desired, up=False)
    if verdict.available >= verdict.desired - missing:
        return told("Available", True, since, "AvailableReason", "Rollout has minimum availability")
    text = "Rollout does not have minimum availability"
    return told("Available", False, since, "AvailableReason", text)


def _progressing(
    wanted: Rollout, state: RolloutState | None, phase: str, message: str, since: float | None
) -> Shown:
    name = f'ReplicaSet "{wanted.metadata.name}-{state.template_hash}"' if state else "ReplicaSet"
    aborted = state is not None and state.delivery is not None and state.delivery.stage == "aborted"
    if aborted and state is not None:
        text = f"Rollout aborted update to revision {state.number}: {message.removeprefix('aborted: ')}"
        return told("Progressing", False, since, "RolloutAborted", text)
    if phase == "Degraded":
        text = f"{name} has timed out progressing: {message}"
        return told("Progressing", False, since, "ProgressDeadlineExceeded", text)
    if phase == "Paused":
        return told("Progressing", None, since, "RolloutPaused", f"Rollout is paused: {message}")
    if phase == "Healthy":
        return told(
            "Progressing", True, since, "NewReplicaSetAvailable", f"{name} has successfully progressed."
        )
    return told("Progressing", True, since, "ReplicaSetUpdated", f"{name} is progressing.")


def _completed(state: RolloutState | None, complete: bool, since: float | None) -> Shown:
    number, version = (state.number, state.template_hash) if state else (0, "")
    if complete:
        text = f"Rollout completed update to revision {number} ({version})"
        return told("Completed", True, since, "RolloutCompleted", text)
    text = f"Rollout not completed, started update to revision {number} ({version})"
    return told("Completed", False, since, "RolloutNotCompleted", text)
