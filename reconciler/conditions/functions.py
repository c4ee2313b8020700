"""What a condition's operators and functions mean: as in expr and Argo Rollouts, on plain JSON data.

Numbers and texts are never mixed; a comparison with something else is an error, not false. NaN compares
false. What these raise is shown to people: it says kinds, never values.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

LONGEST_TEXT = 100_000
_WORDS = {list: "a list", dict: "an object", str: "text", bool: "true or false", type(None): "nothing"}


def kind(value: Any) -> str:
    return _WORDS.get(type(value), "a number")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float:
    if not is_number(value):
        raise TypeError(f"a number is expected, not {kind(value)}")
    return float(value) if isinstance(value, int) and abs(value) > 2**63 else value


def truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"true or false is expected, not {kind(value)}")
    return value


def equal(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _ordered(symbol: str, compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compared(left: Any, right: Any) -> bool:
        if (is_number(left) and is_number(right)) or (isinstance(left, str) and isinstance(right, str)):
            return compare(left, right)
        raise TypeError(f"{kind(left)} {symbol} {kind(right)} can't be compared")

    return compared


def _calculated(work: Callable[[float, float], float]) -> Callable[[Any, Any], float]:
    return lambda left, right: work(_number(left), _number(right))


def _plus(left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > LONGEST_TEXT:
            raise ValueError("the text grows too long")
        return left + right
    return _number(left) + _number(right)


def _divided(left: float, right: float) -> float:
    """As floating point has it: by zero it is infinite, and 0/0 isn't a number."""
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
    return left / right


def _remainder(left: float, right: float) -> float:
    if right == 0:
        raise ValueError("the remainder of a division by 0")
    return math.fmod(left, right)


def _within(left: Any, right: Any) -> bool:
    """Nothing is in nil, as in expr."""
    if right is None:
        return False
    if isinstance(right, list):
        return any(equal(left, x) for x in right)
    if isinstance(right, dict):
        return isinstance(left, str) and left in right
    raise TypeError(f"nothing can be in {kind(right)}")


def _of_texts(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def tested(left: Any, right: Any) -> bool:
        if isinstance(left, str) and isinstance(right, str):
            return test(left, right)
        raise TypeError(f"two texts are expected, not {kind(left)} and {kind(right)}")

    return tested


OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Eq: equal,
    ast.NotEq: lambda left, right: not equal(left, right),
    ast.Lt: _ordered("<", lambda left, right: left < right),
    ast.LtE: _ordered("<=", lambda left, right: left <= right),
    ast.Gt: _ordered(">", lambda left, right: left > right),
    ast.GtE: _ordered(">=", lambda left, right: left >= right),
    ast.In: _within,
    ast.NotIn: lambda left, right: not _within(left, right),
    ast.Add: _plus,
    ast.Sub: _calculated(lambda left, right: left - right),
    ast.Mult: _calculated(lambda left, right: left * right),
    ast.Div: _calculated(_divided),
    ast.Mod: _calculated(_remainder),
    ast.USub: lambda value: -_number(value),
    ast.UAdd: _number,
    ast.Invert: lambda value: not truth(value),
}

OF_TEXTS: dict[str, Callable[[Any, Any], bool]] = {
    "contains": _of_texts(lambda left, right: right in left),
    "startsWith": _of_texts(str.startswith),
    "endsWith": _of_texts(str.endswith),
}


def _as_int(value: Any) -> int:
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise ValueError("asInt: the text isn't a whole number") from None
    number = _number(value)
    if not math.isfinite(number):
        raise ValueError("asInt: the number isn't finite")
    return int(number)


def _as_float(value: Any) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            raise ValueError("asFloat: the text isn't a number") from None
    return float(_number(value))


def _whole(work: Callable[[float], float]) -> Callable[[Any], float]:
    """NaN and infinity stay what they are, as in Go."""

    def worked(value: Any) -> float:
        number = _number(value)
        return work(number) if math.isfinite(number) else number

    return worked


def _rounded(number: float) -> float:
    """Go's `math.Round`: a half goes away from zero. Python's own goes to the even number."""
    down, part = divmod(abs(number), 1)
    return math.copysign(down + (part >= 0.5), number)


def _length(value: Any) -> int:
    if not isinstance(value, str | list | dict):
        raise TypeError(f"len: {kind(value)} has no length")
    return len(value)


def listed(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if not isinstance(value, list):
        raise TypeError(f"a list is expected, not {kind(value)}")
    return value


def _spread(work: Callable[[list[float]], float]) -> Callable[..., float]:
    """Of one list, or of several numbers."""

    def worked(*values: Any) -> float:
        given = [_number(x) for v in values for x in (v if isinstance(v, list) else [v])]
        if not given:
            raise ValueError("there is no number to take")
        return work(given)

    return worked


def _trues(values: Any) -> int:
    return sum(truth(v) for v in listed(values))


def _median(numbers: list[float]) -> float:
    ordered, half = sorted(numbers), len(numbers) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "asInt": _as_int,
    "asFloat": _as_float,
    "int": _as_int,
    "float": _as_float,
    "isNaN": lambda value: math.isnan(_number(value)),
    "isInf": lambda value: math.isinf(_number(value)),
    "isNil": lambda value: value is None,
    "default": lambda value, instead: instead if value is None else value,
    "len": _length,
    "abs": lambda value: abs(_number(value)),
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "round": _whole(_rounded),
    "max": _spread(max),
    "min": _spread(min),
    "sum": _spread(math.fsum),
    "mean": _spread(lambda numbers: math.fsum(numbers) / len(numbers)),
    "median": _spread(_median),
    "all": lambda values: _trues(values) == len(values),
    "any": lambda values: _trues(values) > 0,
    "none": lambda values: _trues(values) == 0,
    "one": lambda values: _trues(values) == 1,
    "count": _trues,
    "first": lambda values: next(iter(listed(values)), None),
    "last": lambda values: next(reversed(listed(values)), None),
    "keys": lambda value: list(value) if isinstance(value, dict) else listed(value),
    "values": listed,
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
    "trim": lambda value: str(value).strip(),
}
