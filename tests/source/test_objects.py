"""Commits as git writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.printable import MOST
from reconciler.source.objects import parse_commit

ID = "a" * 40


def commit(message: bytes, *headers: bytes) -> bytes:
    head = [
        b"tree " + ID.encode(),
        b"author Ada <a@example.org> 1 +0000",
        b"committer Bob <b@example.org> 1700000000 +0100",
        *headers,
    ]
    return b"\n".join(head) + b"\n\n" + message


def test_subject_author_and_time() -> None:
    revision = parse_commit(ID, commit(b"\nAdd the web\nserver\n\nBecause.\n"))
    assert (revision.id, revision.subject, revision.author) == (ID, "Add the web server", "Ada")
    assert revision.time == 1700000000.0


def test_other_encodings() -> None:
    text = "Größe"
    assert parse_commit(ID, commit(text.encode("latin-1"), b"encoding ISO-8859-1")).subject == text
    assert parse_commit(ID, commit(text.encode(), b"encoding no-such-one")).subject == text
    assert "\ufffd" in parse_commit(ID, commit(text.encode("latin-1"))).subject


def test_a_signature_does_not_confuse_it() -> None:
    signed = commit(
        b"signed", b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n author Eve <e@x> 1 +0000\n -----END"
    )
    revision = parse_commit(ID, signed)
    assert (revision.subject, revision.author) == ("signed", "Ada")


def test_no_message() -> None:
    assert parse_commit(ID, commit(b"")).subject == ""


@given(st.binary())
def test_nothing_breaks_it(content: bytes) -> None:
    assert parse_commit(ID, content).id == ID


def test_an_encoding_that_takes_no_text_or_ages() -> None:
    for encoding in (b"idna", b"undefined", b"hex", b"utf-7", b"punycode"):
        found = parse_commit(ID, commit(b"ab" * 300_000 + b"\xff", b"encoding " + encoding)).subject
        assert 0 < len(found) <= MOST, encoding


@pytest.mark.parametrize("date", [b"99999999999999", b"9" * 400, b"253402300800"])
def test_a_date_that_no_calendar_has(date: bytes) -> None:
    content = b"tree x\nauthor A <a@b> 1 +0000\ncommitter A <a@b> " + date + b" +0000\n\nx\n"
    assert parse_commit(ID, content).time == 0.0
