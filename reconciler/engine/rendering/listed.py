"""Lists of any length in HAProxy's conditions: it takes 64 words a line, and refuses a file with more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MOST = 40


def one_of(name: str, test: str, values: Sequence[str]) -> Iterator[str]:
    """An ACL that holds when `test` gives one of the values: lines of one name are alternatives."""
    for start in range(0, len(values), MOST):
        yield f"acl {name} {test} {' '.join(values[start : start + MOST])}"
