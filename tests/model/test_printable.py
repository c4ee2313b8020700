"""Texts of others, made so that they can be shown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.printable import MOST, one_line, printable, printable_json, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("Bump web to 2.1", "Bump web to 2.1"),
        ("größer, 日本語, \N{FAMILY}\u200d\N{BOY}", "größer, 日本語, \N{FAMILY}\u200d\N{BOY}"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb", "a\\nb"),
        ("user\u202egnp.exe", "user\\u202egnp.exe"),
        ("file\ud800", "file\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_cannot_be_printed_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_lines_are_kept_or_joined() -> None:
    assert printable_lines("a\r\n\tb\x1b\r") == "a\n\tb\\x1b\\r"
    assert one_line("can't start\r\n  exit 1\u2028 said it\n") == "can't start exit 1 said it"


def test_a_long_one_keeps_its_beginning_and_its_end() -> None:
    shown = printable(f"failed to pull: {'x' * 2_000_000}: no space left")
    assert len(shown) <= MOST
    assert shown.startswith("failed to pull: ")
    assert shown.endswith(": no space left")
    assert "2,000,031 characters" in shown


@given(st.text(st.characters(), max_size=200), st.integers(1, 300))
def test_what_is_printable_stays_as_it_is_and_within_its_bounds(text: str, most: int) -> None:
    for how in (printable, printable_lines, one_line):
        shown = how(text, most)
        assert len(shown) <= most
        assert how(shown, most) == shown
        shown.encode()


@given(st.recursive(st.text(st.characters(exclude_categories=["Cs"])), st.lists))
def test_json_means_the_same(value: object) -> None:
    shown = printable_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert all(c.isprintable() or c in "\u200c\u200d\u00a0\u202f" for c in shown)
