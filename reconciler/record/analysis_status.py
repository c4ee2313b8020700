"""AnalysisRuns in Argo Rollouts' shape: what was measured, and what it came to. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reconciler.model.delivery import ENDED, Measurement, MetricState, RunState
from reconciler.model.meta import Key, ObjectMeta
from reconciler.record.metadata import Shown, metadata, timestamp, without_empty
from reconciler.record.shape import shape


def analysis_run_object(fleet: str, key: Key, run: RunState, given: ObjectMeta | None) -> Shown:
    """`given` is what a file says; a run that a delivery asked for belongs to the object that it judges."""
    meta = metadata(
        fleet,
        key,
        created_at=run.started_at,
        labels=given.labels if given else {},
        annotations=given.annotations if given else {},
        owner=run.owner if run.owner != key else None,
        generation=1,
    )
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisRun",
        "metadata": meta,
        "spec": shape(run.spec),
        "status": _status(run),
    }


def _status(run: RunState) -> Shown:
    counted = [m for m in run.metrics.values() if not m.dry_run]
    dry = [m for m in run.metrics.values() if m.dry_run]
    return {
        "phase": run.phase,
        **without_empty(
            {
                "message": run.message,
                "metricResults": [_metric(name, metric) for name, metric in run.metrics.items()],
                "startedAt": timestamp(run.started_at),
                "completedAt": timestamp(run.completed_at),
                "runSummary": _summary(counted),
                "dryRunSummary": _summary(dry),
            }
        ),
    }


def _metric(name: str, metric: MetricState) -> Shown:
    counts = {
        "count": metric.count,
        "successful": metric.successful,
        "failed": metric.failed,
        "inconclusive": metric.inconclusive,
        "error": metric.error,
        "consecutiveError": metric.consecutive_error,
        "consecutiveSuccess": metric.consecutive_success,
    }
    told = {"message": metric.message, "measurements": [_measurement(m) for m in metric.measurements]}
    dry = {"dryRun": True} if metric.dry_run else {}
    return {"name": name, "phase": metric.phase, **without_empty({**counts, **told}), **dry}


def _measurement(one: Measurement) -> Shown:
    told = {
        "message": one.message,
        "startedAt": timestamp(one.started_at),
        "finishedAt": timestamp(one.finished_at),
        "value": one.value,
    }
    return {"phase": one.phase, **without_empty(told)}


def _summary(metrics: Iterable[MetricState]) -> Shown:
    """How many metrics there are, and how many have ended how."""
    found = list(metrics)
    ends = Counter(m.phase.lower() for m in found if m.phase in ENDED)
    return without_empty({"count": len(found), **ends})
