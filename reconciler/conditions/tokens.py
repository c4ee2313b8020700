"""A condition's text as tokens. What stands in quotes is one token, and is never looked into."""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST = 2000
"""Characters of a condition."""


class ConditionError(ValueError):
    """A condition that can't be understood, or can't be worked out for the value at hand."""


class Token(NamedTuple):
    """`kind` is name, number, text, op or end. A text's `text` is what is in the quotes."""

    kind: str
    text: str
    at: int = 0


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|(?<![\w\])])\.\d+)
    | (?P<name>[A-Za-z_]\w*)
    | (?P<quoted>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    | (?P<raw>`[^`]*`)
    | (?P<op>\?\.(?=[A-Za-z_])|\?\?|&&|\|\||[=!<>]=|\.\.|\*\*|[-+*/%^<>!?:,.()\[\]{}\#|;=])
    )""",
    re.VERBOSE,
)


def tokens(text: str) -> list[Token]:
    """In order, with `end` behind the last one. Raises `ConditionError`, which says where."""
    if len(text) > LONGEST:
        raise ConditionError(f"it has {len(text)} characters; at most {LONGEST} are allowed")
    found: list[Token] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise ConditionError(f'"{text[at]}" at character {at + 1} is out of place')
        kind = match.lastgroup or ""
        token = Token(kind, match.group(kind), match.start(kind))
        found.append(_unquoted(token) if kind in ("quoted", "raw") else token)
        at = match.end()
    return [*found, Token("end", "", end)]


def _unquoted(token: Token) -> Token:
    if token.kind == "raw":
        return Token("text", token.text[1:-1], token.at)
    import ast

    try:
        return Token("text", str(ast.literal_eval(token.text)), token.at)
    except (SyntaxError, ValueError):
        raise ConditionError(f"the text at character {token.at + 1} has a wrong escape") from None
