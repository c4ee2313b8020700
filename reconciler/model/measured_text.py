"""What was measured, as people read it: in a column, an event, a commit's message."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 48
"""Characters that a column takes; `-o json` has all of them."""


def measured_text(value: str) -> str:
    """`value` is JSON; rounded and cut to a column's width."""
    try:
        found = json.loads(value)
    except ValueError:  # it was cut when it was kept
        return _cut(value)
    return counted_text(value) or _cut(json.dumps(_rounded(found), ensure_ascii=False))


def counted_text(value: str) -> str:
    """What the proxies counted, as `2/40 errors, 3 ms; stable 0/760 errors, 1.5 ms`; else ""."""
    try:
        found = json.loads(value)
    except ValueError:
        return ""
    if type(found) is not dict or found.keys() != {"canary", "stable"}:
        return ""
    sides = [_counted(found[name]) for name in ("canary", "stable")]
    return f"{sides[0]}; stable {sides[1]}" if all(sides) else ""


def _counted(side: Any) -> str:
    """ "" where it isn't what `haproxy` gives."""
    if type(side) is not dict or not {"requests", "errors", "latency"} <= side.keys():
        return ""
    latency = side["latency"]
    time = f", {latency:.3g} ms" if isinstance(latency, int | float) else ""
    return f"{side['errors']}/{side['requests']} errors{time}"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return {key: _rounded(one) for key, one in value.items()} if isinstance(value, dict) else value


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
