"""Lists of any length in HAProxy's conditions: it takes 64 words a line, and refuses a file with more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MOST = 40
_WORD = re.compile(r"[0-9A-Fa-f.:/]+")
"""Addresses, networks and ports. What is none of them would be another word, or another line."""


def one_of(name: str, test: str, values: Sequence[str]) -> Iterator[str]:
    """An ACL that holds when `test` gives one of the values: lines of one name are alternatives. What is no
    value of such a list is none here; without any, it never holds.
    """
    words = [value for value in values if _WORD.fullmatch(value)]
    for start in range(0, len(words), MOST):
        yield f"acl {name} {test} {' '.join(words[start : start + MOST])}"
    if not words:
        yield f"acl {name} always_false"
