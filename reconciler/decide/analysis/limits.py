"""A metric's numbers and durations, once its arguments are in: how often, how long, how many may go wrong."""

from __future__ import annotations

from reconciler.conditions import condition_error
from reconciler.decide.analysis.arguments import places
from reconciler.decide.analysis.reasons import Unfit
from reconciler.model.analysis import Amount, AnalysisRunSpec, Metric
from reconciler.model.base import Value
from reconciler.model.duration import seconds


class Limits(Value):
    """`count` None: until the run is ended. `interval` None: there is none. Seconds."""

    count: int | None
    interval: float | None
    initial_delay: float
    failure: int
    inconclusive: int
    consecutive_error: int
    consecutive_success: int


def limits(metric: Metric) -> Limits:
    """Raises `Unfit`. Argo Rollouts: no count and no interval mean once."""
    interval = _duration(metric, "interval", metric.interval) if metric.interval else None
    count = _whole(metric, "count", metric.count or 0) or None
    return Limits(
        count=1 if count is None and interval is None else count,
        interval=interval,
        initial_delay=_duration(metric, "initialDelay", metric.initial_delay)
        if metric.initial_delay
        else 0.0,
        failure=_whole(metric, "failureLimit", metric.failure_limit),
        inconclusive=_whole(metric, "inconclusiveLimit", metric.inconclusive_limit),
        consecutive_error=_whole(metric, "consecutiveErrorLimit", metric.consecutive_error_limit),
        consecutive_success=_whole(metric, "consecutiveSuccessLimit", metric.consecutive_success_limit),
    )


def check(spec: AnalysisRunSpec) -> None:
    """Raises `Unfit` for what can't be run: what Argo Rollouts refuses, and secrets that would be kept."""
    if not spec.metrics:
        raise Unfit("there is no metric to measure")
    names = [m.name for m in spec.metrics]
    if double := next((n for n in names if names.count(n) > 1), ""):
        raise Unfit(f'two metrics are called "{double}"')
    for metric in spec.metrics:
        _check(metric)


def _check(metric: Metric) -> None:
    bounds = limits(metric)
    said = f'metric "{metric.name}"'
    if (bounds.count or 0) > 1 and bounds.interval is None:
        raise Unfit(f"{said}: a count above 1 needs an interval")
    if (
        bounds.failure < -1
        or min(bounds.inconclusive, bounds.consecutive_error, bounds.consecutive_success) < 0
    ):
        raise Unfit(f"{said}: a limit can't be negative, except failureLimit: -1, which switches it off")
    if bounds.failure == -1 and bounds.consecutive_success == 0:
        raise Unfit(f"{said}: failureLimit: -1 needs a consecutiveSuccessLimit, or nothing would be judged")
    if (count := _whole(metric, "count", metric.count or 0)) > 0:
        _check_reach(count, bounds, said)
    provider = metric.provider
    given = (provider.prometheus, provider.web, provider.job, provider.haproxy)
    if sum(p is not None for p in given) != 1:
        raise Unfit(f"{said}: exactly one provider is needed: prometheus, web, job or haproxy")
    if provider.job is not None and places(provider.job):
        raise Unfit(
            f"{said}: a Secret's value can't stand in a Job's text; let the container read the Secret"
        )
    if backoff_limit(metric) < 0:
        raise Unfit(f"{said}: backoffLimit can't be negative")
    for name, text in (
        ("successCondition", metric.success_condition),
        ("failureCondition", metric.failure_condition),
    ):
        if places(text):
            raise Unfit(f"{said}: a Secret's value can't stand in {name}")
        if text and (wrong := condition_error(text)):
            raise Unfit(f'{said}: {name} "{text}": {wrong}')


def _check_reach(count: int, bounds: Limits, said: str) -> None:
    """Limits that no measurement could go over would let anything pass (Argo Rollouts: `ValidateMetric`)."""
    least = max(bounds.failure, 0) + bounds.consecutive_success
    if count < least:
        raise Unfit(f"{said}: count is {count}, and failureLimit and consecutiveSuccessLimit need {least}")
    if count < bounds.inconclusive:
        raise Unfit(f"{said}: count is {count}, and inconclusiveLimit is {bounds.inconclusive}")


def _whole(metric: Metric, name: str, amount: Amount) -> int:
    try:
        return int(amount)
    except ValueError:
        raise Unfit(f'metric "{metric.name}": {name} must be a whole number, not "{amount}"') from None


def backoff_limit(metric: Metric) -> int:
    """How many more tries a Job's pod has."""
    return _whole(
        metric, "backoffLimit", metric.provider.job.spec.backoff_limit if metric.provider.job else 0
    )


def _duration(metric: Metric, name: str, text: str) -> float:
    """Seconds. A bare number isn't one: Go asks for a unit."""
    try:
        return seconds(text)
    except ValueError:
        raise Unfit(
            f'metric "{metric.name}": {name} must be a duration such as 30s or 5m, not "{text}"'
        ) from None
