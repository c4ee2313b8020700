"""Prometheus: an instant query, or one over a range. A vector is a list of numbers, a scalar a number."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from reconciler.conditions import ConditionError, moment
from reconciler.errors import MeasurementError
from reconciler.measuring.fetch import Reach, Request, fetch
from reconciler.measuring.web import authorization
from reconciler.model.analysis import PrometheusMetric, RangeQuery
from reconciler.model.duration import seconds

TIMEOUT_S = 30.0


def measure(metric: PrometheusMetric, now: float, reach: Reach) -> Any:
    """A number, or a list of them; NaN and infinity are numbers. Raises `MeasurementError`."""
    request = Request(
        url=f"{metric.address.rstrip('/')}/api/v1/{_question(metric, now)}",
        headers=(*authorization(metric.authentication), *((h.key, h.value) for h in metric.headers)),
        timeout=metric.timeout or TIMEOUT_S,
        insecure=metric.insecure,
    )
    answer = fetch(request, reach)
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and said.get("status") == "error":
        raise MeasurementError(f"Prometheus says: {said.get('error')}")
    if answer.status // 100 != 2:
        raise MeasurementError(f"Prometheus answered {answer.status}")
    try:
        return _numbers(said["data"]["resultType"], said["data"]["result"])
    except (TypeError, LookupError, ValueError, AttributeError, OverflowError):
        raise MeasurementError("the answer isn't one of Prometheus", remedy="does address name it?") from None


def _question(metric: PrometheusMetric, now: float) -> str:
    if metric.range_query is None:
        return f"query?{urlencode({'query': metric.query})}"
    return f"query_range?{urlencode({'query': metric.query} | _range(metric.range_query, now))}"


def _range(asked: RangeQuery, now: float) -> dict[str, str]:
    return {
        "start": f"{_moment('start', asked.start, now):.3f}",
        "end": f"{_moment('end', asked.end or 'now()', now):.3f}",
        "step": f"{_step(asked.step):g}",
    }


def _moment(name: str, text: str, now: float) -> float:
    try:
        return moment(text, now)
    except ConditionError as error:
        remedy = 'write a time such as now() - duration("5m")'
        raise MeasurementError(f'rangeQuery.{name} "{text}": {error}', remedy=remedy) from None


def _step(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise MeasurementError(f"rangeQuery.step: {error}", remedy="write one such as 30s") from None


def _numbers(kind: str, result: Any) -> Any:
    match kind:
        case "scalar":
            return float(result[1])
        case "vector":
            return [float(sample["value"][1]) for sample in result]
        case "matrix":
            return [float(value) for series in result for _, value in series["values"]]
        case _:
            raise MeasurementError(f'the query comes to a "{kind}", not to numbers')
