"""Durations as Go writes them: `30s`, `5m`, `1h30m`, `250ms`."""

from __future__ import annotations

import math
import re
from functools import lru_cache

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
LONGEST = 2**63 / 1e9
"""Seconds, 292 years: Go's longest duration."""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@lru_cache(maxsize=256)
def seconds(text: str, longest: float = math.inf) -> float:
    """`1h30m` -> 5400.0. Raises `ValueError` naming what was found, also beyond `longest`."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'not a duration: "{text}"')
    length = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    if length > longest:
        raise ValueError(f'too long a duration: "{text[:60]}"')
    return length


def human_duration(length: float) -> str:
    """The two largest units that matter: 5400.0 -> `1h30m`, 75.0 -> `1m15s`, 0.25 -> `0.2s`."""
    if length < 10 and length != int(length):
        return f"{length:.1f}s"
    whole = round(length)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    if minutes:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    return f"{rest}s"
