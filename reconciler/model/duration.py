"""Durations as Go writes them: `30s`, `5m`, `1h30m`, `250ms`."""

from __future__ import annotations

import re
from functools import lru_cache

_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_S = 2**63 / 1e9
"""Go counts nanoseconds in 64 bits: 292 years."""


@lru_cache(maxsize=256)
def seconds(text: str) -> float:
    """`1h30m` -> 5400.0. Raises `ValueError` naming what was found."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f'not a duration: "{text}"')
    length = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
    if length >= LONGEST_S:
        raise ValueError(f'not a duration: "{text[:60]}" is longer than 292 years')
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
