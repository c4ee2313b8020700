"""The watching thread: what it remembers, how often it tries, whom it tells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.model.revision import Revision
from reconciler.source.snapshot import Snapshot
from reconciler.source.watch import Watch
from tests.source.conftest import until


def snapshot(name: str) -> Snapshot:
    return Snapshot(revision=Revision(id=name), root=Path("/"))


def scripted(*answers: str | Exception) -> Callable[[], Snapshot]:
    """The answers one after the other, the last one for ever."""
    left = list(answers)

    def bring() -> Snapshot:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return snapshot(answer)

    return bring


def test_it_tells_what_is_new_and_only_that() -> None:
    told: list[str] = []
    watch = Watch(scripted("a", "a", "b", "b"), 0.02)
    watch.start(lambda: told.append(getattr(watch.latest(), "revision", Revision(id="")).id))
    until(lambda: told == ["a", "b"])
    watch.close()
    assert told == ["a", "b"]


def test_an_error_is_told_and_the_last_snapshot_stays() -> None:
    told = threading.Event()
    watch = Watch(scripted("a", SourceError("gone")), 0.02, retry=0.02)
    watch.start(told.set)
    until(lambda: watch.error() is not None)
    assert watch.latest() == snapshot("a")
    watch.close()


def test_an_error_that_ends_is_told() -> None:
    watch = Watch(scripted(SourceError("gone"), "a"), 5, retry=0.02)
    told: list[bool] = []
    watch.start(lambda: told.append(watch.error() is None))
    until(lambda: told == [False, True])
    watch.close()


def test_a_bug_is_told_with_its_trace_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(scripted(ValueError("one"), ValueError("one"), ValueError("two"), "a"), 5, retry=0.01)
    watch.start(lambda: None)
    until(lambda: watch.latest() is not None)
    watch.close()
    told = [str(r.exc_info[1]) for r in caplog.records if r.exc_info and r.levelname == "ERROR"]
    assert told == ["one", "two"]


def test_a_bug_does_not_end_the_watch() -> None:
    watch = Watch(scripted(ZeroDivisionError("x"), "a"), 5, retry=0.02)
    watch.start(lambda: None)
    until(lambda: watch.latest() is not None)
    assert watch.error() is None
    watch.close()


def test_after_failures_the_pauses_double_up_to_a_bound() -> None:
    watch = Watch(scripted(SourceError("gone")), 30.0)
    pauses = []
    for _ in range(8):
        with pytest.raises(SourceError):
            watch.look()
        pauses.append(watch._pause())
    for pause, whole in zip(pauses, [30, 60, 120, 240, 300, 300, 300, 300], strict=True):
        assert 0.8 * whole <= pause <= whole


def test_a_long_interval_is_not_shortened_by_failures() -> None:
    watch = Watch(scripted(SourceError("gone")), 3600.0)
    for _ in range(5):
        with pytest.raises(SourceError):
            watch.look()
    assert 0.8 * 3600 <= watch._pause() <= 3600


def test_success_ends_the_backoff() -> None:
    watch = Watch(scripted(SourceError("gone"), SourceError("gone"), "a"), 30.0)
    for _ in range(2):
        with pytest.raises(SourceError):
            watch.look()
    watch.look()
    assert watch._pause() == 30.0


def test_the_fallback_serves_until_the_first_success() -> None:
    watch = Watch(scripted(SourceError("down"), "new"), 5, lambda: snapshot("old"), retry=0.1)
    told: list[str] = []
    watch.start(lambda: told.append(getattr(watch.latest(), "revision", Revision(id="")).id))
    until(lambda: told == ["old", "new"])
    watch.close()


def test_a_wake_during_an_attempt_means_another_one() -> None:
    begun, go, count = threading.Event(), threading.Event(), []

    def bring() -> Snapshot:
        count.append(1)
        begun.set()
        go.wait(60)
        return snapshot("a")

    watch = Watch(bring, 3600)
    watch.start(lambda: None)
    begun.wait(60)
    watch.wake()
    go.set()
    until(lambda: len(count) == 2)
    watch.close()


def test_closing_twice_is_fine() -> None:
    watch = Watch(scripted("a"), 5)
    watch.start(lambda: None)
    watch.close()
    watch.close()
    assert watch._thread is not None and not watch._thread.is_alive()
