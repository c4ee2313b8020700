"""Rules about one metric: one provider, limits that fit together, numbers and durations that are such.

Source: Argo Rollouts (ValidateMetric). Where an argument stands for a value, it is judged when a run begins.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.conditions import ConditionError, condition_error, holds
from reconciler.manifests.documents import Path
from reconciler.manifests.rules import providers
from reconciler.manifests.rules.amounts import amount, length, number
from reconciler.manifests.said import Said
from reconciler.model.analysis import Metric

LONGEST = 200
"""Characters of a condition that are shown."""
COUNTED = ("requests", "errors", "errorRate", "requestRate", "latency")
"""What the proxies tell of each side (`measuring.haproxy`)."""


def check(metric: Metric, path: Path) -> Iterator[Said]:
    for name, text in (("interval", metric.interval), ("initialDelay", metric.initial_delay)):
        yield from length(text, (*path, name))
    yield from amount(metric.count, (*path, "count"))
    yield from amount(metric.failure_limit, (*path, "failureLimit"), least=-1)
    yield from amount(metric.inconclusive_limit, (*path, "inconclusiveLimit"))
    yield from amount(metric.consecutive_error_limit, (*path, "consecutiveErrorLimit"))
    yield from amount(metric.consecutive_success_limit, (*path, "consecutiveSuccessLimit"))
    yield from _limits(metric, path)
    yield from _conditions(metric, path)
    yield from providers.check(metric.provider, (*path, "provider"))


def _limits(metric: Metric, path: Path) -> Iterator[Said]:
    """Limits that could never be reached, and a metric that nothing could end."""
    failures, successes = number(metric.failure_limit), number(metric.consecutive_success_limit)
    count = number(metric.count)
    if failures == -1 and successes == 0:
        message = "-1 and no consecutiveSuccessLimit: no measurement would mean anything"
        yield Said((*path, "failureLimit"), message, "set one of the two", rule="metric")
    if count is None or count < 1:
        return
    if failures is not None and successes is not None and count < max(failures, 0) + successes:
        message = (
            f"expected at least failureLimit and consecutiveSuccessLimit together "
            f"({max(failures, 0) + successes}), found {count}"
        )
        yield Said((*path, "count"), message, "raise it, or lower one of the limits", rule="metric")
    inconclusive = number(metric.inconclusive_limit)
    if inconclusive is not None and count < inconclusive:
        message = f"expected at least inconclusiveLimit ({inconclusive}), found {count}"
        yield Said((*path, "count"), message, "raise it, or lower the limit", rule="metric")
    if count > 1 and not metric.interval:
        message = f"is missing: {count} measurements need a time between them"
        yield Said((*path, "interval"), message, "add interval: 30s", rule="required")


def _conditions(metric: Metric, path: Path) -> Iterator[Said]:
    """Argo Rollouts: without a condition a measurement is successful as soon as there is a value."""
    if metric.provider.job is None and not metric.success_condition and not metric.failure_condition:
        message = "has no condition: whatever is measured counts as a success"
        yield Said(path, message, "add successCondition or failureCondition", "warning", rule="metric")
    elif metric.provider.job is not None and (metric.success_condition or metric.failure_condition):
        name = "successCondition" if metric.success_condition else "failureCondition"
        message = "has no effect: a job is judged by how it ends"
        yield Said((*path, name), message, "remove it", "warning", rule="no-effect")
    for name, text in (
        ("successCondition", metric.success_condition),
        ("failureCondition", metric.failure_condition),
    ):
        if text and (wrong := condition_error(text)):
            remedy = "write a comparison of result, such as result[0] >= 0.95"
            yield Said((*path, name), f"{_brief(text)} can't be understood: {wrong}", remedy, rule="metric")
        elif text and metric.provider.haproxy and (wrong := _misfit(text)):
            remedy = f"result.canary and result.stable have {', '.join(COUNTED)}"
            message = f"{_brief(text)} doesn't fit what haproxy gives: {wrong}"
            yield Said((*path, name), message, remedy, rule="metric")


def _brief(text: str) -> str:
    return f'"{text}"' if len(text) <= LONGEST else f'"{text[: LONGEST - 3]}..."'


def _misfit(text: str) -> str:
    """What is wrong with a condition on a result of the builtin provider; "" when it can be worked out."""
    if "{{" in text:
        return ""
    side = dict.fromkeys(COUNTED, 1.0)
    try:
        holds(text, {"canary": side, "stable": side})
    except ConditionError as error:
        return str(error)
    return ""
