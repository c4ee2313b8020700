"""One measurement: which provider it is for, and what came of it, in words if need be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from reconciler.decide.analysis.reasons import Unfit
from reconciler.errors import MeasurementError
from reconciler.measuring.fetch import Reach
from reconciler.measuring.haproxy import Lacking, Rates
from reconciler.measuring.secret import hidden, with_secrets
from reconciler.model.analysis import Metric
from reconciler.model.desired import Contents
from reconciler.model.plan import Measure, Measured
from reconciler.printable import printable

LONGEST_ERROR = 500
"""Characters. A server's own words may be a whole page."""


def measured(
    asked: Measure, contents: Contents, reach: Reach, rates: Rates, clock: Callable[[], float]
) -> Measured:
    """Never raises: whatever goes wrong is `error`. No Secret's value is in it, no text that can't be kept.

    `value` is JSON with NaN, Infinity and -Infinity by these names, which JSON itself doesn't have.
    """
    began = clock()
    secrets: tuple[str, ...] = ()
    value, error, lacking = "", "", ""
    try:
        metric, secrets = with_secrets(asked.metric, asked.args, contents, asked.run.namespace)
        there = msgspec.structs.replace(reach, namespace=asked.run.namespace)
        found = _made(asked, metric, there, rates, began)
        if isinstance(found, Lacking):
            lacking = found.because
        else:
            value = json.dumps(hidden(found, secrets), ensure_ascii=False)
    except MeasurementError as failed:
        error = _short(hidden(failed.line, secrets))
    except Unfit as failed:
        error = _short(hidden(str(failed), secrets))
    except Exception as bug:  # its text may hold anything
        error = f"InternalError: {type(bug).__name__}"
    return Measured(
        run=asked.run,
        metric=asked.metric.name,
        number=asked.number,
        started_at=began,
        finished_at=max(began, clock()),
        value=_text(value),
        error=error,
        lacking=lacking,
        asked=asked.metric,
    )


def _short(error: str) -> str:
    """Cut when nothing is in it any more that must not be shown: half of that would be shown, too."""
    error = printable(error)
    return error if len(error) <= LONGEST_ERROR else f"{error[: LONGEST_ERROR - 3]}..."


def _text(found: str) -> str:
    """JSON may name half of a surrogate pair, which is no character: no file and no answer could hold it."""
    return found.encode(errors="replace").decode()


def _made(asked: Measure, metric: Metric, reach: Reach, rates: Rates, now: float) -> Any:
    provider = metric.provider
    if provider.prometheus is not None:
        from reconciler.measuring import prometheus

        return prometheus.measure(provider.prometheus, now, reach)
    if provider.web is not None:
        from reconciler.measuring import web

        return web.measure(provider.web, reach)
    if provider.haproxy is not None:
        return rates.measure(asked, provider.haproxy)
    raise MeasurementError("there is nothing to ask: a Job is a pod")
