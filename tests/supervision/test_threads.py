"""Long-lived threads: none without an owner, none that dies unsaid, none that is stuck unseen."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path

import pytest

import reconciler
from reconciler import supervision
from reconciler.errors import MeasurementError
from reconciler.supervision import Life, Supervised, complaints, lives, reason, sign_of_life, stuck


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.005)


class Work:
    """Fails as often as it is told to, then waits for its end."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.over = threading.Event()
        self.said: list[str] = []
        self.promise = inf

    def __call__(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
        sign_of_life(self.promise)
        self.over.wait()


@pytest.fixture
def begin() -> Iterator[Callable[..., tuple[Work, Supervised]]]:
    began: list[tuple[Work, Supervised]] = []

    def start(*failures: Exception, told: bool = True, promise: float = inf) -> tuple[Work, Supervised]:
        work = Work(*failures)
        work.promise = promise
        said = work.said.append if told else None
        thread = Supervised("a-thread", work, said=said, first_pause=0.001)
        began.append((work, thread))
        thread.start()
        return work, thread

    yield start
    for work, thread in began:
        thread.end()
        work.over.set()
        thread.join(60)
        assert not thread.is_alive()


Begin = Callable[..., tuple[Work, Supervised]]


def life() -> Life:
    return next(one for one in lives() if one.name == "a-thread")


def test_what_escapes_is_said_each_time_and_logged_once(
    begin: Begin, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        work, thread = begin(*(KeyError("ID") for _ in range(4)))
        until(lambda: thread.failures == 4 and not work.failures and life().silent == 0)
    assert work.said == ["internal error: KeyError('ID'); this is a bug, please report it"] * 4
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info
    assert life().failures == 4


def test_without_an_owners_word_it_is_a_complaint_until_it_has_gone_well_for_long(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(OSError(24, "Too many open files"), told=False)
    until(lambda: life().failures == 1)
    assert complaints() == ("thread a-thread ended and was begun again: Too many open files",)
    monkeypatch.setattr(supervision, "STEADY_S", 0.0)
    until(lambda: complaints() == ())


def test_one_that_gives_no_sign_of_life_is_stuck_and_one_that_waits_for_work_is_not(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "PATIENCE_S", 0.0)
    begin(promise=inf)
    until(lambda: life().silent == 0)
    assert stuck() == ()
    begin(promise=0.0)
    until(lambda: stuck() == ("a-thread has given no sign of life for 0 s",))


def test_one_that_said_how_long_it_takes_is_waited_for(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "PATIENCE_S", 0.0)
    _, thread = begin(promise=3600.0)
    until(lambda: thread.due > supervision.running() + 3000)
    assert stuck() == ()


def test_none_is_late_by_a_time_in_which_the_process_was_stopped(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = began = float(int(time.monotonic()))
    monkeypatch.setattr(supervision, "running", supervision.Running(lambda: now))
    _, thread = begin(promise=0.0)
    until(lambda: thread.due == began + 300)
    now += 3600.0  # stopped
    assert stuck() == ()
    for _ in range(59):  # it runs on, and others give signs of life
        now += 5.0
        assert stuck() == ()
    now += 6.0
    assert stuck() == ("a-thread has given no sign of life for 301 s",)


def test_a_sign_of_life_from_any_other_thread_is_nothing() -> None:
    sign_of_life()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MeasurementError("no server", remedy="name one"), "no server; name one"),
        (OSError(24, "Too many open files"), "Too many open files"),
        (MemoryError(), "out of memory"),
        (
            ValueError("a\x1b[31m\nb"),
            "internal error: ValueError('a\\x1b[31m\\nb'); this is a bug, please report it",
        ),
    ],
)
def test_why_it_ended_is_one_line_that_steers_no_terminal(error: Exception, said: str) -> None:
    assert reason(error) == said


def test_a_reason_is_bounded() -> None:
    assert len(reason(ValueError("x" * 2_000_000))) == supervision.MOST_CHARACTERS


def test_no_thread_is_without_a_supervisor() -> None:
    package = Path(reconciler.__file__).parent
    found = [
        f"{file.relative_to(package)}: {line.strip()}"
        for file in sorted(package.rglob("*.py"))
        if "lab" not in file.relative_to(package).parts
        for line in file.read_text().splitlines()
        if re.search(r"\bThread\(", line) and "class Supervised" not in line
    ]
    assert found == []
