"""Rules about numbers and durations for which an argument may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.arguments import has_argument
from reconciler.manifests.documents import Path
from reconciler.manifests.said import Said, shown
from reconciler.model import duration
from reconciler.model.analysis import Amount

MOST = 2**31 - 1
"""Argo Rollouts: numbers have 32 bits."""
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)


def number(value: Amount | None) -> int | None:
    """None where nothing is said, or an argument stands for it."""
    if isinstance(value, str):
        return int(value) if _NUMBER.fullmatch(value) else None
    return value


def amount(value: Amount | None, path: Path, *, least: int = 0) -> Iterator[Said]:
    if value is None or has_argument(value):
        return
    found = number(value)
    if found is None:
        message = f"expected a number or an argument, found {shown(value)}"
        yield Said(path, message, 'write it as 3 or "{{args.name}}"', rule="metric")
    elif found < least:
        yield Said(path, f"expected at least {least}, found {found}", rule="metric")
    elif found > MOST:
        yield Said(path, f"expected at most {MOST}, found {shown(found)}", "lower it", rule="metric")


def length(text: str, path: Path) -> Iterator[Said]:
    """A duration, or nothing."""
    if not text or has_argument(text):
        return
    try:
        duration.seconds(text)
    except ValueError:
        message = f"expected a duration, found {shown(text)}"
        yield Said(path, message, "write it as 30s, 5m or 1h30m", rule="metric")
