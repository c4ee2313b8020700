"""Deployments, the ReplicaSets generated for them, and sets that somebody wrote, as kubectl shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.decide.rollout.budget import budget_of
from reconciler.decide.version import HASH_LABELS
from reconciler.model.kinds import Workload
from reconciler.model.meta import ObjectMeta
from reconciler.model.observed import PodState
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController
from reconciler.record.metadata import Shown, api_version, condition, metadata, timestamp, without_empty
from reconciler.record.pod_status import replica_set_key
from reconciler.record.shape import shape

REVISION_NUMBER = {
    "Deployment": "deployment.kubernetes.io/revision",
    "Rollout": "rollout.argoproj.io/revision",
}
"""What `kubectl rollout history` and Argo Rollouts' own plugin count by."""

Versioned = Deployment | Rollout
"""What ReplicaSets are generated for."""

Set = ReplicaSet | ReplicationController


def deployment_object(
    fleet: str,
    wanted: Deployment,
    pods: Sequence[PodState],
    verdict: Verdict,
    rollout: RolloutState | None,
    now: float,
) -> Shown:
    number = rollout.number if rollout else 0
    counts = {
        "observedGeneration": number,
        "replicas": verdict.total,
        "updatedReplicas": verdict.updated,
        "readyReplicas": verdict.ready,
        "availableReplicas": verdict.available,
        "unavailableReplicas": max(0, max(verdict.desired, verdict.total) - verdict.available),
    }
    conditions = [_available(wanted, pods, verdict, rollout, now), _progressing(wanted, verdict, rollout)]
    return {
        **head(fleet, wanted, rollout, pods),
        "spec": shape(wanted.spec),
        "status": {**without_empty(counts), "conditions": conditions},
    }


def set_object(
    fleet: str, wanted: Set, pods: Sequence[PodState], rollout: RolloutState | None, now: float
) -> Shown:
    """A ReplicaSet or ReplicationController that somebody wrote."""
    status = _set_status(pods, wanted.spec.min_ready_seconds, now, rollout.number if rollout else 0)
    return {**head(fleet, wanted, rollout, pods), "spec": shape(wanted.spec), "status": status}


def replica_sets(
    fleet: str,
    wanted: Versioned,
    pods: Sequence[PodState],
    current: str,
    rollout: RolloutState | None,
    now: float,
) -> Iterable[Shown]:
    """One for the wanted version, each that has pods, and each of the history, whose template is gone.

    Their `spec.replicas` is the number of pods that there are: how a rollout moves is the plan's matter.
    """
    by_hash: dict[str, list[PodState]] = {current: []}
    past = {v.template_hash: v for v in rollout.history} if rollout else {}
    for template_hash in past:
        by_hash.setdefault(template_hash, [])
    for pod in pods:
        by_hash.setdefault(pod.record.template_hash, []).append(pod)
    for template_hash, mine in by_hash.items():
        version = past.get(template_hash)
        number = (
            version.number if version else (rollout.number if rollout and template_hash == current else 0)
        )
        made = version.at if version else _first_made(mine, rollout)
        template = _template(wanted, mine, is_current=template_hash == current)
        yield _generated(fleet, wanted, template_hash, mine, number, made, template, now)


def _generated(
    fleet: str,
    wanted: Versioned,
    template_hash: str,
    pods: Sequence[PodState],
    number: int,
    made: float | None,
    template: Shown,
    now: float,
) -> Shown:
    mine = {HASH_LABELS[wanted.kind]: template_hash}
    labels = dict(wanted.spec.template.metadata.labels) | mine
    selector = shape(wanted.spec.selector)
    selector["matchLabels"] = {**selector.get("matchLabels", {}), **mine}
    marks = _marks(wanted.kind, number)
    key = replica_set_key(wanted.key, template_hash)
    head = metadata(
        fleet, key, created_at=made, labels=labels, annotations=marks, owner=wanted.key, generation=1
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": head,
        "spec": {"replicas": _living(pods), "selector": selector, **without_empty({"template": template})},
        "status": _set_status(pods, wanted.spec.min_ready_seconds, now, 1),
    }


def _template(wanted: Versioned, pods: Sequence[PodState], *, is_current: bool) -> Shown:
    if is_current:
        template = shape(wanted.spec.template)
    elif pods:
        record = pods[0].record
        template = {"metadata": {"annotations": dict(record.annotations)}, "spec": shape(record.spec)}
        template["metadata"]["labels"] = dict(record.labels)
    else:
        return {}
    return dict(template)


def head(
    fleet: str, wanted: Workload, rollout: RolloutState | None, pods: Sequence[PodState]
) -> dict[str, Any]:
    """apiVersion, kind and metadata."""
    given: ObjectMeta = wanted.metadata
    meta = metadata(
        fleet,
        wanted.key,
        created_at=_first_made(pods, rollout),
        labels=given.labels,
        annotations={**given.annotations, **_marks(wanted.kind, rollout.number if rollout else 0)},
        generation=rollout.number if rollout else 0,
    )
    return {"apiVersion": api_version(wanted.kind), "kind": wanted.kind, "metadata": meta}


def _marks(kind: str, number: int) -> dict[str, str]:
    return {REVISION_NUMBER[kind]: str(number)} if number and kind in REVISION_NUMBER else {}


def _first_made(pods: Sequence[PodState], rollout: RolloutState | None) -> float | None:
    """The oldest thing that is known of it."""
    known = [v.at for v in rollout.history] + [rollout.started_at] if rollout else []
    known += [p.created_at for p in pods if p.created_at]
    return min(known, default=None)


def _set_status(pods: Sequence[PodState], min_ready: int, now: float, generation: int) -> Shown:
    living = [p for p in pods if not p.terminating]
    counts = {
        "fullyLabeledReplicas": len(living),
        "readyReplicas": sum(p.ready for p in living),
        "availableReplicas": len(_ready_times(living, min_ready, now)),
        "observedGeneration": generation,
    }
    return {"replicas": len(living), **without_empty(counts)}


def _living(pods: Sequence[PodState]) -> int:
    return sum(not p.terminating for p in pods)


def _ready_times(pods: Sequence[PodState], min_ready: int, now: float) -> list[float]:
    """When each available pod became available (epoch seconds), oldest first."""
    times = [p.ready_since + min_ready for p in pods if p.ready and p.ready_since is not None]
    return sorted(t for t in times if t <= now)


def _available(
    wanted: Deployment, pods: Sequence[PodState], verdict: Verdict, rollout: RolloutState | None, now: float
) -> Shown:
    least = budget_of(wanted.spec.strategy, verdict.desired).least
    if verdict.available < least:
        since = rollout.progressed_at if rollout else None
        text = "Deployment does not have minimum availability."
        return told("Available", False, since, "MinimumReplicasUnavailable", text)
    times = _ready_times(pods, wanted.spec.min_ready_seconds, now)
    enough = times[least - 1] if 0 < least <= len(times) else None
    since = enough or (rollout.started_at if rollout else None)
    return told("Available", True, since, "MinimumReplicasAvailable", "Deployment has minimum availability.")


def _progressing(wanted: Deployment, verdict: Verdict, rollout: RolloutState | None) -> Shown:
    """Kubernetes' reasons (pkg/controller/deployment/util): `kubectl rollout status` reads them."""
    since = rollout.progressed_at if rollout else None
    name = f'ReplicaSet "{wanted.metadata.name}-{rollout.template_hash}"' if rollout else "ReplicaSet"
    if wanted.spec.paused:
        return told("Progressing", None, since, "DeploymentPaused", "Deployment is paused")
    if verdict.standing == "failed":
        why = f": {verdict.message}" if verdict.message else "."
        text = f"{name} has timed out progressing{why}"
        return told("Progressing", False, since, "ProgressDeadlineExceeded", text)
    if verdict.standing == "converged":
        text = f"{name} has successfully progressed."
        return told("Progressing", True, since, "NewReplicaSetAvailable", text)
    return told("Progressing", True, since, "ReplicaSetUpdated", f"{name} is progressing.")


def told(type_: str, status: bool | None, since: float | None, reason: str, message: str) -> Shown:
    return condition(type_, status, since, reason, message, lastUpdateTime=timestamp(since))
