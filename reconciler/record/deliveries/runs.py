"""What the analyses of the newest version have measured. Pure."""

from __future__ import annotations

from reconciler.model.delivery import MetricState, RunState
from reconciler.model.meta import Key
from reconciler.model.progress import Progress, RolloutState
from reconciler.record.deliveries.lines import MetricLine, RunLine


def runs_of(progress: Progress, owner: Key) -> dict[Key, RunState]:
    """The runs that judge this object, oldest first; not those that somebody wrote as files."""
    mine = [(k, r) for k, r in progress.runs.items() if r.owner == owner]
    return dict(sorted(mine, key=lambda found: (found[1].started_at, found[0])))


def run_lines(progress: Progress, owner: Key, state: RolloutState | None) -> tuple[RunLine, ...]:
    """Those of an earlier commit with the same pods are no longer of interest."""
    if state is None:
        return ()
    since = next((v.at for v in reversed(state.history) if v.number == state.number), 0.0)
    runs = runs_of(progress, owner).items()
    return tuple(
        _run(k, r) for k, r in runs if r.template_hash == state.template_hash and r.started_at >= since
    )


def _run(key: Key, run: RunState) -> RunLine:
    return RunLine(
        name=key.name,
        role=run.role,
        phase=run.phase,
        message=run.message,
        started_at=run.started_at,
        metrics=tuple(_metric(name, metric) for name, metric in run.metrics.items()),
        step=run.step,
    )


def _metric(name: str, metric: MetricState) -> MetricLine:
    newest = metric.measurements[-1] if metric.measurements else None
    return MetricLine(
        name=name,
        phase=metric.phase,
        successful=metric.successful,
        failed=metric.failed,
        inconclusive=metric.inconclusive,
        error=metric.error,
        value=newest.value if newest else "",
        message=metric.message or (newest.message if newest else ""),
        dry_run=metric.dry_run,
    )
