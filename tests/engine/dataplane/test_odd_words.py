"""What a node container says is a stranger's word: numbers are numbers, complaints short, rows are rows."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from reconciler.engine.connection import dialogue, frames
from reconciler.engine.connection.dialogue import Dialogue
from reconciler.engine.dataplane.counting import read
from reconciler.engine.dataplane.session import MOST_COMPLAINTS, MOST_LETTERS, Session
from reconciler.errors import EngineError, NodeError
from tests.engine.test_dialogue import Wire, frame

ROW = b"shop_web_80,web-1_1_http,http,10,1,2,3,13,0,4,5"


def session(*said: bytes) -> Session:
    """One whose container says this."""
    engine: Any = type("Engine", (), {"node": "pi-1", "alive": True})()
    one = Session(engine, "c" * 64)
    one._dialogue = Dialogue(Wire(*map(frame, said)), b"")
    return one


@pytest.mark.parametrize(
    "said",
    [
        b"ok x\n",
        b"ok -1\n",
        b"ok 1e3\n",
        b"ok \xd9\xa1\n",
        b"ok 9999999999999\n",
        b"ok 99999999999\n",
        b"no\n",
        b"\n",
    ],
)
def test_a_size_that_is_none_is_said(said: bytes) -> None:
    with pytest.raises(NodeError):
        session(said, b"5\n").state()


@pytest.mark.parametrize("said", [b"five", b"-5", b"5 5"])
def test_a_count_that_is_none_is_said(said: bytes) -> None:
    with pytest.raises(EngineError, match="a number was expected"):
        session(b"ok %d\n" % len(said), said).sessions("10.42.0.5", 5.0)


def test_complaints_are_few_and_short() -> None:
    said = b"form\n{}\n" + b"x" * 5000 + b"\n" + b"y\n" * 5000
    mark, _, complaints = session(b"ok %d\n" % len(said), said).state()
    assert (mark, len(complaints), max(map(len, complaints))) == ("form", MOST_COMPLAINTS, MOST_LETTERS)


def test_an_endless_line_is_the_end_of_the_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "MOST_LINE", 1000)
    with pytest.raises(EngineError, match="a line of more than 1000 bytes"):
        session(*[b"x" * 600] * 3).state()


def test_an_answer_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue, "MOST_READ", 1000)
    with pytest.raises(EngineError, match="has 1001 bytes to say"):
        session(b"ok 1001\n").state()


def test_a_frame_of_four_gigabytes_is_taken_as_it_comes() -> None:
    taken = frames.Frames()
    assert list(taken.take(b"\x01\0\0\0\xff\xff\xff\xffab")) == [(1, b"ab")]
    assert list(taken.take(b"c")) == [(1, b"c")]


def test_of_an_output_so_much_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_OUTPUT", 10)
    assert frames.both_outputs([frame(b"12345678"), frame(b"12345678", 2), frame(b"1")]) == b"1234567812"


@pytest.mark.parametrize(
    "odd",
    [
        b"",
        b"x",
        b"shop,web-1_1_http,http,10,1,2,3,13,0,4,5",
        b"shop_web_80,web-1_1_http,http,10,1,2,3,13,0,4",
        b"shop_web_80,web-1_1_http,http,10,1,2,3,13,0,4,x",
        b"shop_web_80,web-1_1_http,http,10,1,2,3,13,0,4,-5",
        b"shop_web_80,web-1_1_http,http," + b"9" * 5000 + b",1,2,3,13,0,4,5",
        b"\xff" * 100,
    ],
)
def test_a_row_that_is_none_hides_no_other(odd: bytes) -> None:
    (row,) = read(b"\n".join([odd, ROW, odd]))
    assert (row.backend, row.requests, row.errors) == ("shop_web_80", 15, 6)


def test_the_lock_of_a_conversation_is_free_after_each_trouble() -> None:
    one = session(b"ok x\n")
    with pytest.raises(NodeError):
        one.state()
    assert isinstance(one._lock, type(threading.Lock()))
    assert one._lock.acquire(blocking=False)
