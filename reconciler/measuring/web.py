"""A web service: what a JSONPath finds in its answer, or the answer as it is."""

from __future__ import annotations

import json
import re
from typing import Any

from reconciler.errors import MeasurementError
from reconciler.measuring.fetch import Reach, Request, fetch
from reconciler.measuring.secret import encoded
from reconciler.model.analysis import Authentication, WebMetric

TIMEOUT_S = 10.0


def measure(metric: WebMetric, reach: Reach) -> Any:
    """JSON data. Raises `MeasurementError`."""
    body, headers = _body(metric)
    request = Request(
        url=metric.url,
        method=metric.method or "GET",
        headers=(
            *authorization(metric.authentication),
            *headers,
            *((h.key, h.value) for h in metric.headers),
        ),
        body=body,
        timeout=_timeout(metric),
        insecure=metric.insecure,
    )
    answer = fetch(request, reach)
    if answer.status // 100 != 2:
        raise MeasurementError(f"the server answered {answer.status}, not with success (2xx)")
    path = _path(metric.json_path)
    try:
        data = json.loads(answer.body)
    except (ValueError, RecursionError):
        if path != "$":
            raise MeasurementError(f"the answer isn't JSON, so {metric.json_path} finds nothing") from None
        return answer.body.decode(errors="replace")
    return data if path == "$" else _found(path, metric.json_path, data)


def authorization(given: Authentication | None) -> tuple[tuple[str, str], ...]:
    """The header for a user and a password, if there are any."""
    if given is None or given.basic_auth is None:
        return ()
    return (("Authorization", f"Basic {encoded(given.basic_auth)}"),)


def _body(metric: WebMetric) -> tuple[bytes | None, tuple[tuple[str, str], ...]]:
    if metric.json_body is not None:
        if metric.body:
            raise MeasurementError("body and jsonBody are both given", remedy="leave one of them out")
        return json.dumps(metric.json_body).encode(), (("Content-Type", "application/json"),)
    return (metric.body.encode() if metric.body else None), ()


def _timeout(metric: WebMetric) -> float:
    try:
        given = int(metric.timeout_seconds)
    except ValueError:
        raise MeasurementError("timeoutSeconds isn't a number") from None
    return float(given) if given > 0 else TIMEOUT_S


def _path(given: str) -> str:
    """From Kubernetes' way of writing (`{$.a.b}`, `{.a.b}`) to JSONPath."""
    text = given.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    if "{" in text or text.startswith("range "):
        raise MeasurementError(f'jsonPath "{given}": one path is expected', remedy="write it as {$.a.b}")
    text = re.sub(r"\.((?:[\w-]|\\.)*\\\.(?:[\w-]|\\.)*)", _quoted, text or "$")
    return text if text.startswith("$") else f"${text}" if text.startswith((".", "[")) else f"$.{text}"


def _quoted(match: re.Match[str]) -> str:
    """`.example\\.org` is one name with a point in it."""
    name = match.group(1).replace("\\", "")
    return f"['{name}']"


def _found(path: str, given: str, data: Any) -> Any:
    """The first thing that it finds, as in Argo Rollouts."""
    from jsonpath import JSONPathError, finditer

    try:
        first = next(iter(finditer(path, data)), None)
    except (JSONPathError, RecursionError) as error:
        raise MeasurementError(f'jsonPath "{given}" can\'t be followed: {type(error).__name__}') from None
    if first is None:
        raise MeasurementError(f'jsonPath "{given}" finds nothing in the answer')
    return first.obj
