"""One run as a state machine. Each measurement counts, then the metric is assessed, then the run.

A metric, first match wins (Argo Rollouts, `assessMetricStatus`):

    consecutiveError > consecutiveErrorLimit (4)        Error
    inconclusive > inconclusiveLimit (0)                Inconclusive
    failed > failureLimit (0; -1: never)                Failed
    consecutiveSuccess >= consecutiveSuccessLimit > 0   Successful
    count reached, with a consecutiveSuccessLimit       Inconclusive; Failed where failureLimit is -1
    count reached                                       Successful
    else                                                Running, measured again

A run, over the metrics that aren't dry:

    one has ended other than Successful                 that, at once: Failed before Error before Inconclusive
    every metric has ended (dry ones, too)              Successful
    else                                                Running

An Error isn't counted: it is tried again after 10 s, or after the interval if that is shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from reconciler.decide.analysis.limits import Limits, limits
from reconciler.decide.analysis.verdicts import judged
from reconciler.model.analysis import AnalysisRunSpec, Metric
from reconciler.model.delivery import ENDED, AnalysisPhase, Measurement, MetricState, RunState
from reconciler.model.plan import Measured

ERROR_RETRY = 10.0
"""Seconds (Argo Rollouts: DefaultErrorRetryInterval)."""
KEPT = 10
"""Measurements that are kept of a metric without a `measurementRetention`."""

_WORST: tuple[AnalysisPhase, ...] = ("Failed", "Error", "Inconclusive")


def first_states(spec: AnalysisRunSpec, now: float) -> dict[str, MetricState]:
    """Every metric before its first measurement."""
    return {
        m.name: MetricState(
            dry_run=matches((d.metric_name for d in spec.dry_run), m.name),
            next_at=now + limits(m).initial_delay,
        )
        for m in spec.metrics
    }


def matches(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the regular expressions is found in the name, as Go's `MatchString` does."""
    return any(_found(p, name) for p in patterns)


def _found(pattern: str, name: str) -> bool:
    try:
        return re.search(pattern, name) is not None
    except re.error:
        return pattern == name


def metric_of(run: RunState, name: str) -> Metric | None:
    return next((m for m in run.spec.metrics if m.name == name), None)


def with_measured(run: RunState, measured: Measured) -> RunState:
    """The same object when nobody waits for it: the run or its metric has ended, or it is an older one, also
    of a metric that has been changed since it was asked for.
    """
    metric, state = metric_of(run, measured.metric), run.metrics.get(measured.metric)
    if metric is None or state is None or run.phase in ENDED or state.phase in ENDED:
        return run
    if measured.number != state.taken or measured.asked not in (None, metric):
        return run
    return with_measurement(run, metric, judged(metric, measured))


def with_measurement(run: RunState, metric: Metric, measurement: Measurement) -> RunState:
    """The run with one more measurement in it, assessed."""
    bounds = limits(metric)
    state = _counted(run.metrics[metric.name], measurement, _kept(run.spec, metric.name))
    phase, message = _assessed(state, bounds)
    state = msgspec.structs.replace(
        state,
        phase=phase,
        message=message or measurement.message,
        next_at=None if phase in ENDED else measurement.finished_at + _pause(measurement, bounds),
    )
    return assessed(
        msgspec.structs.replace(run, metrics=run.metrics | {metric.name: state}), measurement.finished_at
    )


def due_at(metric: Metric, state: MetricState, now: float) -> float:
    """When it is measured next. What is further off than any pause was written before the clock was set back:
    it counts as now.
    """
    bounds = limits(metric)
    longest = max(bounds.initial_delay, bounds.interval or 0.0, ERROR_RETRY)
    return now if state.next_at is None or state.next_at > now + longest else state.next_at


def _pause(measurement: Measurement, bounds: Limits) -> float:
    interval = ERROR_RETRY if bounds.interval is None else bounds.interval
    return min(ERROR_RETRY, interval) if measurement.phase == "Error" else interval


def _kept(spec: AnalysisRunSpec, name: str) -> int:
    rules = (r.limit for r in spec.measurement_retention if matches((r.metric_name,), name))
    return next((limit for limit in rules if limit > 0), KEPT)


def _counted(state: MetricState, measurement: Measurement, kept: int) -> MetricState:
    phase = measurement.phase
    return msgspec.structs.replace(
        state,
        count=state.count + (phase != "Error"),
        successful=state.successful + (phase == "Successful"),
        failed=state.failed + (phase == "Failed"),
        inconclusive=state.inconclusive + (phase == "Inconclusive"),
        error=state.error + (phase == "Error"),
        consecutive_error=state.consecutive_error + 1 if phase == "Error" else 0,
        consecutive_success=state.consecutive_success + 1 if phase == "Successful" else 0,
        measurements=(*state.measurements, measurement)[-kept:],
    )


def _assessed(state: MetricState, bounds: Limits) -> tuple[AnalysisPhase, str]:
    if over := _over_limit(state, bounds):
        return over
    if 0 < bounds.consecutive_success <= state.consecutive_success:
        return "Successful", ""
    if bounds.count is None or state.count < bounds.count:
        return "Running", ""
    if bounds.consecutive_success > 0:
        said = f"measured {state.count} times, never {bounds.consecutive_success} in a row successful"
        return ("Inconclusive" if bounds.failure >= 0 else "Failed"), said
    return "Successful", ""


def _over_limit(state: MetricState, bounds: Limits) -> tuple[AnalysisPhase, str] | None:
    last = state.measurements[-1].message if state.measurements else ""
    because = f": {last}" if last else ""
    if state.consecutive_error > bounds.consecutive_error:
        return (
            "Error",
            f"{state.consecutive_error} errors in a row (limit {bounds.consecutive_error}){because}",
        )
    if state.inconclusive > bounds.inconclusive:
        return "Inconclusive", f"{state.inconclusive} inconclusive (limit {bounds.inconclusive}){because}"
    if 0 <= bounds.failure < state.failed:
        return "Failed", f"{state.failed} failed (limit {bounds.failure}){because}"
    return None


def assessed(run: RunState, now: float) -> RunState:
    """The run, ended if its metrics say so."""
    counting = {name: s for name, s in run.metrics.items() if not s.dry_run}
    for phase in _WORST:
        for name, state in counting.items():
            if state.phase == phase:
                return ended(run, phase, f'metric "{name}": {state.message}', now)
    if all(s.phase in ENDED for s in run.metrics.values()):
        return ended(run, "Successful", "", now)
    return run


def ended(run: RunState, phase: AnalysisPhase, message: str, now: float) -> RunState:
    """Whatever is still being measured then counts as good: it hasn't failed (Argo Rollouts)."""
    metrics = {
        name: s if s.phase in ENDED else msgspec.structs.replace(s, phase="Successful", next_at=None)
        for name, s in run.metrics.items()
    }
    return msgspec.structs.replace(run, phase=phase, message=message, completed_at=now, metrics=metrics)
