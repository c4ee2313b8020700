"""One measurement, judged by its metric's conditions.

    given                   a measurement is
    neither                 Successful
    successCondition        Successful if true, else Failed
    failureCondition        Failed if true, else Successful
    both                    Failed if the failureCondition is true, else Successful if the
                            successCondition is, else Inconclusive

What couldn't be measured, or judged, is Error; what had too little to judge by is Inconclusive.
"""

from __future__ import annotations

import json
from typing import Any

from reconciler.conditions import ConditionError, described, holds
from reconciler.model.analysis import Metric
from reconciler.model.delivery import AnalysisPhase, Measurement
from reconciler.model.plan import Measured

LONGEST = 300
"""Characters of a value that are kept, for people to look at."""


def judged(metric: Metric, measured: Measured) -> Measurement:
    phase, message = _judged(metric, measured)
    value = measured.value if len(measured.value) <= LONGEST else f"{measured.value[: LONGEST - 3]}..."
    return Measurement(
        phase=phase,
        started_at=measured.started_at,
        finished_at=measured.finished_at,
        value=value,
        message=message,
    )


def _judged(metric: Metric, measured: Measured) -> tuple[AnalysisPhase, str]:
    if measured.error:
        return "Error", measured.error
    if measured.lacking:
        return "Inconclusive", measured.lacking
    try:
        result = json.loads(measured.value) if measured.value else None  # NaN and Infinity by these names
    except (ValueError, RecursionError):
        return "Error", "the measurement isn't JSON, or too deep"
    try:
        return _phase(metric, result), ""
    except _Unclear as error:
        return "Error", str(error)


class _Unclear(ValueError):
    pass


def _phase(metric: Metric, result: Any) -> AnalysisPhase:
    success = _holds("successCondition", metric.success_condition, result)
    failure = _holds("failureCondition", metric.failure_condition, result)
    if failure is None and success is None:
        return "Successful"
    if failure is None:
        return "Successful" if success else "Failed"
    if failure:
        return "Failed"
    return "Inconclusive" if success is False else "Successful"


def _holds(name: str, condition: str, result: Any) -> bool | None:
    """None: there is no such condition."""
    if not condition:
        return None
    try:
        return holds(condition, result)
    except ConditionError as error:
        said = "there was no data" if result in (None, []) else f"the result is {described(result)}"
        raise _Unclear(f'{name} "{condition}" can\'t be judged: {said}: {error}') from None
