"""Answers that come line by line, one JSON value in each: progress, events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

MOST_LINE = 1 << 20
"""Bytes."""


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that aren't empty. Raises ValueError for one that is longer than MOST_LINE."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > MOST_LINE:
            raise ValueError(f"a line of more than {MOST_LINE} bytes")
    if rest.strip():
        yield rest
