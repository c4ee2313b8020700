"""AnalysisRuns: what is measured when, how it is judged, and what that comes to. Pure.

templates   from several templates to one list of metrics
arguments   `{{args.name}}`, and where its value comes from
limits      how often, how long, how many may go wrong; what can't be run
begin       a run at its beginning
run         one run as a state machine
verdicts    one measurement, by its metric's conditions
pursue      what is due is asked for, what isn't is waited for
jobs        a pod as a measurement
keep        runs from files; which runs are remembered
"""

from __future__ import annotations

import msgspec

from reconciler.decide.analysis.asked import Asked
from reconciler.decide.analysis.begin import for_delivery
from reconciler.decide.analysis.keep import plan_runs
from reconciler.decide.analysis.pursue import go_on
from reconciler.decide.analysis.run import ended, metric_of, with_measured, with_measurement
from reconciler.decide.current import Pass
from reconciler.model.delivery import ENDED, Measurement, RunState
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.model.progress import Progress

__all__ = ["Asked", "after_measurement", "assumed", "plan_runs", "pursue", "terminate"]


def pursue(turn: Pass, asked: Asked) -> RunState:
    """Begin the run if it isn't known, judge what was measured, ask for what is to be measured next.

    Puts it into `turn.runs`, its measurements into `turn.measures`, and what it waits for into the draft.
    """
    run = turn.runs.get(asked.key) or turn.before.runs.get(asked.key)
    if run is None:
        run = for_delivery(turn.desired, asked, turn.now)
    run = go_on(turn, asked.key, run, asked.canary, asked.stable, asked.services, served=asked.served)
    turn.runs[asked.key] = run
    return run


def terminate(turn: Pass, key: Key, because: str) -> None:
    """End a run early, as Argo Rollouts does: successful, unless it has failed already. Unknown or ended runs
    stay as they are.
    """
    run = turn.runs.get(key) or turn.before.runs.get(key)
    if run is None:
        return
    turn.runs[key] = (
        run if run.phase in ENDED else ended(run, "Successful", f"it was ended: {because}", turn.now)
    )


def after_measurement(progress: Progress, measured: Measured) -> Progress:
    """Progress with a measurement in it, judged. The same object when nobody waits for it any more."""
    run = progress.runs.get(measured.run)
    return progress if run is None else _with(progress, measured.run, with_measured(run, measured))


def assumed(progress: Progress, measure: Measure, now: float) -> Progress:
    """As if it had been measured and found good: for looking ahead."""
    run = progress.runs.get(measure.run)
    metric = metric_of(run, measure.metric.name) if run is not None else None
    if run is None or metric is None or run.phase in ENDED or run.metrics[metric.name].phase in ENDED:
        return progress
    if run.metrics[metric.name].taken != measure.number:
        return progress
    good = Measurement(phase="Successful", started_at=now, finished_at=now, message="assumed")
    return _with(progress, measure.run, with_measurement(run, metric, good))


def _with(progress: Progress, key: Key, run: RunState) -> Progress:
    if run is progress.runs[key]:
        return progress
    return msgspec.structs.replace(progress, runs=progress.runs | {key: run})
