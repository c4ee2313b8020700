"""Conditions as Argo Rollouts writes them (the language expr): `len(result) > 0 && result[0] >= 0.95`.

rewrite    the text becomes an expression of Python's, token by token
evaluate   the library simpleeval works it out, bounded in length, depth and steps
functions  what a condition can call, and what its operators mean

It knows nothing of metrics: a text and a value go in, true or false comes out, or `ConditionError`.
"""

from __future__ import annotations

from typing import Any

from reconciler.conditions.tokens import ConditionError

__all__ = ["ConditionError", "condition_error", "described", "holds", "moment"]


def holds(condition: str, result: Any) -> bool:
    """Whether `condition` is true of `result`, JSON data. Raises `ConditionError`, which never shows it."""
    from reconciler.conditions.evaluate import value_of

    found = value_of(condition, result)
    if not isinstance(found, bool):
        raise ConditionError(f"it comes to {described(found)}, not to true or false")
    return found


def condition_error(text: str) -> str:
    """What is wrong with a condition's text, "" if nothing. What is made of arguments can't be judged."""
    from reconciler.conditions.evaluate import parsed

    if "{{" in text:
        return ""
    try:
        parsed(text)
    except ConditionError as error:
        return str(error)
    return ""


def moment(text: str, now: float) -> float:
    """`now() - duration("5m")` in seconds since the epoch. Raises `ConditionError`."""
    from reconciler.conditions.evaluate import time_of

    return time_of(text, now)


def described(value: Any) -> str:
    """The kind of a value, in words, and never the value itself: it may be anybody's."""
    from reconciler.conditions.functions import kind

    return f"a list of {len(value)}" if isinstance(value, list) else kind(value)
