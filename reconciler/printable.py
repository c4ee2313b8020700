"""Texts that others wrote, so that they can be shown: bounded, and unable to steer the terminal of who reads.

An engine's answer, a commit's subject, a program's last words can hold anything: escape sequences that
retitle a window or hide a line, letters that turn the reading direction around, two megabytes. What isn't
printable (control characters, formats, lone surrogates) is written out as Python writes it: `\\x1b`.
"""

from __future__ import annotations

import re

MOST = 4_096
"""Characters of one text. Docker's longest messages have some hundred."""

_JOINERS = "\u200c\u200d\u00a0\u202f"
"""Not printable by Python's word, but harmless: joiners of scripts and emoji, spaces that don't break."""
_TAIL = 256
_NEWLINES = re.compile(r"\s*[\r\n\x0b\x0c\x85\u2028\u2029]\s*")


def printable(text: str, most: int | None = MOST, keep: str = "") -> str:
    """One line of at most `most` characters (None: all); the characters of `keep` stay as they are."""
    if most is not None:
        text = _cut(text, most)
    if text.isprintable():
        return text
    shown = "".join(c if c.isprintable() or c in _JOINERS or c in keep else ascii(c)[1:-1] for c in text)
    return shown if most is None else _cut(shown, most)


def printable_lines(text: str, most: int | None = MOST) -> str:
    """The same, of several lines."""
    return printable(text.replace("\r\n", "\n"), most, "\n\t")


def one_line(text: str, most: int | None = MOST) -> str:
    """The same, its lines joined by spaces."""
    return printable(text if text.isprintable() else _NEWLINES.sub(" ", text).strip(), most)


def printable_json(text: str) -> str:
    """JSON that means the same, and can be shown. msgspec and json write most characters as they are."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n" or c in _JOINERS else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    """As JSON does: UTF-16, each half with four digits."""
    raw = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{raw[i : i + 2].hex()}" for i in range(0, len(raw), 2))


def _cut(text: str, most: int) -> str:
    """The beginning and the end: what failed stands in one, why in the other."""
    if len(text) <= most:
        return text
    gap = f" ... ({len(text):,} characters, cut here) ... "
    tail = min(_TAIL, most // 4)
    head = max(0, most - tail - len(gap))
    return f"{text[:head]}{gap}{text[len(text) - tail :]}"[:most]
