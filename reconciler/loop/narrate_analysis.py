"""What analyses measured in one pass, in words: how a run goes, and each measurement that wasn't good."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.loop.turn import Turn
from reconciler.model.delivery import AnalysisPhase, MetricState, RunState
from reconciler.model.event import Event
from reconciler.model.measured_text import counted_text
from reconciler.model.meta import Key
from reconciler.model.plan import Plan

ROLES = {
    "background": "beside the steps",
    "step": "of a step",
    "pre-promotion": "before the promotion",
    "post-promotion": "after the promotion",
    "own": "by itself",
}

NOT_GOOD: tuple[tuple[str, AnalysisPhase], ...] = (
    ("failed", "Failed"),
    ("inconclusive", "Inconclusive"),
    ("error", "Error"),
)
"""What a metric counts -> the phase of such a measurement."""


def tell_runs(turn: Turn, plan: Plan) -> Iterator[tuple[str, Event]]:
    """A run's course is about the object that it judges, a measurement about the run."""
    for key, run in plan.progress.runs.items():
        before = turn.before.runs.get(key)
        if run is before:
            continue
        for name, metric in run.metrics.items():
            told = before.metrics.get(name) if before else None
            for reason, message in _measured(name, metric, told):
                event = turn.event(key, reason, message, warning=True, revision=plan.revision)
                yield f"{key}: {message}", event
        if before is None or before.phase != run.phase:
            message = _course(key, run)
            reason, warning = f"AnalysisRun{run.phase}", run.phase in ("Failed", "Error", "Inconclusive")
            event = turn.event(run.owner, reason, message, warning=warning, revision=plan.revision)
            yield f"{run.owner}: {message}", event


def _course(key: Key, run: RunState) -> str:
    why = f": {run.message}" if run.message else ""
    return f"analysis {key.name} ({ROLES[run.role]}) is {run.phase}{why}"


def _measured(name: str, metric: MetricState, before: MetricState | None) -> Iterator[tuple[str, str]]:
    """The newest measurement of each kind: several in one pass are as rare as they are alike."""
    for counter, phase in NOT_GOOD:
        count = getattr(metric, counter)
        if count <= (getattr(before, counter) if before else 0):
            continue
        newest = next((m for m in reversed(metric.measurements) if m.phase == phase), None)
        found = f", value {counted_text(newest.value) or newest.value}" if newest and newest.value else ""
        why = f": {newest.message}" if newest and newest.message else ""
        dry = " (dry run)" if metric.dry_run else ""
        yield f"Measurement{phase}", f"{name} is {phase}{dry}, {count} so far{found}{why}"
