"""What a plain YAML scalar means: what kubectl takes it for.

kubectl reads YAML with go-yaml v2's rules and turns it into JSON: `yes`, `on` and `y` are booleans, `0644` is
octal, `1e3` a number, a date is a string. PyYAML's own resolver differs. Compared with
`kubectl annotate --local` 1.32. It reads keys in the same way and makes `on:` the key `true`, `0644:` the key
`420`; nobody means that, so such a key is an error here (`other_key`) instead of another name.
"""

from __future__ import annotations

import re

WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
"""Plain words that aren't strings."""

_NUMERIC = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0o?[0-7_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$")
_NOT_JSON = frozenset(
    f"{sign}.{word}" for sign in ("", "+", "-") for word in ("inf", "Inf", "INF", "nan", "NaN", "NAN")
)
_MAX_DIGITS = 400
"""Python refuses to read integers of more than 4,300 digits; no number of a manifest has 20."""


def plain(text: str) -> object:
    """The value of a scalar written without quotes: None, a bool, an int, a float or a string.

    Raises `ValueError` for `.inf` and `.nan`, which JSON, and so Kubernetes, doesn't have.
    """
    if text in WORDS:
        return WORDS[text]
    if text[0] not in _NUMERIC or len(text) > _MAX_DIGITS:
        return text
    if text in _NOT_JSON:
        raise ValueError(f"{text} is no number in Kubernetes")
    if _INTEGER.match(text):
        return _integer(text)
    if _FLOAT.match(text):
        number = float(text.replace("_", ""))
        return text if number in (float("inf"), float("-inf")) else number
    return text


def other_key(text: str) -> str | None:
    """The key that kubectl makes of this one, written without quotes; None where it leaves it as it is."""
    if text not in WORDS and (text[0] not in _NUMERIC or (text.isdecimal() and text[0] != "0")):
        return None
    try:
        value = plain(text)
    except ValueError:
        return None
    if isinstance(value, str):
        return None
    if value is None or isinstance(value, bool):
        name = "null" if value is None else str(value).lower()
    else:
        name = repr(value).removesuffix(".0")
    return None if name == text else name


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    sign, body = (-1, digits[1:]) if digits[0] == "-" else (1, digits.lstrip("+"))
    if body.startswith(("0b", "0o", "0x")):
        return sign * int(body, 0)
    return sign * int(body, 8 if body.startswith("0") else 10)
