"""A revision's lines reach everyone who waits, in order, and every wait ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from reconciler.api import follow
from reconciler.api.follow import Followers

A, B, C = "a" * 40, "b" * 40, "c" * 40


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hub(clock: Clock) -> Followers:
    return Followers(clock)


def all_lines(hub: Followers, revision: str) -> list[str]:
    return list(hub.read(revision).lines)


def test_lines_in_order_and_the_verdict_last(hub: Followers) -> None:
    hub.begin(A)
    hub.publish(A, "start web-1")
    hub.publish(A, "web is available")
    hub.finish(A, True)
    assert all_lines(hub, A) == ["start web-1", "web is available", "exit: 0"]
    assert hub.read(A).ended


def test_a_failure_says_why(hub: Followers) -> None:
    hub.finish(A, False, "2 findings")
    assert all_lines(hub, A) == ["exit: 1 2 findings"]


def test_reading_goes_on_where_it_stopped(hub: Followers) -> None:
    hub.publish(A, "one")
    first = hub.read(A)
    assert (first.lines, first.ended) == (("one",), False)
    hub.publish(A, "two")
    assert hub.read(A, first.next).lines == ("two",)


def test_after_the_end_nothing_is_added(hub: Followers) -> None:
    hub.finish(A, True)
    hub.publish(A, "late")
    hub.finish(A, False, "later")
    assert all_lines(hub, A) == ["exit: 0"]


def test_a_newer_revision_ends_the_one_under_way(hub: Followers) -> None:
    hub.begin(A)
    hub.publish(A, "start web-1")
    hub.begin(B)
    assert all_lines(hub, A) == ["start web-1", "exit: 1 superseded by bbbbbbb"]
    assert not hub.read(B).ended


def test_the_same_revision_again_changes_nothing(hub: Followers) -> None:
    hub.begin(A)
    hub.begin(A)
    assert not hub.read(A).ended


def test_one_that_was_pushed_before_the_fetch_was_passed_over(hub: Followers, clock: Clock) -> None:
    hub.read(A)
    clock.now += 1
    hub.begin(B, fetched_at=clock.now)
    assert all_lines(hub, A) == ["exit: 1 superseded by bbbbbbb"]


def test_one_that_was_pushed_after_the_fetch_is_still_to_come(hub: Followers, clock: Clock) -> None:
    fetched = clock.now
    clock.now += 1
    hub.read(B)
    hub.begin(A, fetched_at=fetched)
    assert not hub.read(B).ended
    hub.begin(B, fetched_at=clock.now + 1)
    hub.finish(B, True)
    assert all_lines(hub, B) == ["exit: 0"]


def test_without_knowing_when_was_fetched_the_second_other_revision_tells(hub: Followers) -> None:
    hub.read(A)
    hub.begin(B)
    assert not hub.read(A).ended
    hub.begin(C)
    assert all_lines(hub, A) == ["exit: 1 superseded by ccccccc"]


def test_patience_ends_when_nothing_newer_comes(hub: Followers, clock: Clock) -> None:
    hub.read(A)
    hub.begin(B)
    clock.now += follow.PATIENCE_S + 1
    assert all_lines(hub, A) == ["exit: 1 it wasn't taken up; the fleet is at bbbbbbb"]


def test_one_that_is_asked_for_after_it_was_passed_over_ends_too(hub: Followers, clock: Clock) -> None:
    hub.begin(B)
    assert not hub.read(A).ended
    clock.now += follow.PATIENCE_S + 1
    assert hub.read(A).ended


def test_a_revision_that_comes_back_is_a_run_of_its_own(hub: Followers) -> None:
    hub.begin(A)
    hub.finish(A, True)
    hub.begin(B)
    hub.finish(B, True)
    assert all_lines(hub, A) == [], "what was said of the first run isn't the answer"
    hub.begin(A)
    hub.publish(A, "stop web-1")
    hub.finish(A, False, "no image")
    assert all_lines(hub, A) == ["stop web-1", "exit: 1 no image"]


def test_one_that_nobody_has_heard_of_waits(hub: Followers, clock: Clock) -> None:
    clock.now += 10 * follow.PATIENCE_S
    assert not hub.read(A).ended


def test_ten_commits_in_a_moment_end_all_but_the_newest(hub: Followers, clock: Clock) -> None:
    names = [f"{n}" * 40 for n in range(10)]
    hub.read(names[0])
    clock.now += 1
    hub.begin(names[0], fetched_at=clock.now)
    for name in names[1:]:
        hub.read(name)
    clock.now += 1
    hub.begin(names[9], fetched_at=clock.now)
    hub.finish(names[9], True)
    ends = [all_lines(hub, name)[-1] for name in names]
    assert ends[-1] == "exit: 0"
    assert all(end.startswith("exit: 1 superseded") for end in ends[:-1])


def test_very_many_lines_are_counted_not_kept(hub: Followers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_LINES", 3)
    for n in range(10):
        hub.publish(A, f"{n}")
    hub.finish(A, True)
    assert all_lines(hub, A) == ["0", "1", "2", "(7 lines left out)", "exit: 0"]


def test_old_revisions_are_forgotten(hub: Followers) -> None:
    for n in range(follow.MAX_ENDED + 10):
        hub.finish(f"{n:040}", True)
    assert len(hub._streams) == follow.MAX_ENDED


def test_readers_in_threads_get_every_line(hub: Followers) -> None:
    got: list[list[str]] = [[] for _ in range(5)]
    threads = [threading.Thread(target=lambda mine=g: mine.extend(hub.lines(A, 60))) for g in got]
    for thread in threads:
        thread.start()
    for n in range(200):
        hub.publish(A, f"{n}")
    hub.finish(A, True)
    for thread in threads:
        thread.join(60)
    assert got == [[*map(str, range(200)), "exit: 0"]] * 5


def test_a_reader_gives_up_after_its_timeout(hub: Followers) -> None:
    began = time.monotonic()
    assert list(hub.lines(A, 0.05)) == []
    assert time.monotonic() - began < 30


def test_a_reader_that_never_reads_on_blocks_nobody(hub: Followers) -> None:
    slow: Iterator[str] = hub.lines(A, 60)
    hub.publish(A, "first")
    assert next(slow) == "first"
    began = time.monotonic()
    for n in range(2000):
        hub.publish(A, f"{n}")
    assert time.monotonic() - began < 20


def test_bells_ring_until_taken_off(hub: Followers) -> None:
    rung: list[int] = []
    silence = hub.on_change(lambda: rung.append(1))
    hub.publish(A, "x")
    silence()
    silence()
    hub.publish(A, "y")
    assert rung == [1]


def test_no_line_of_others_passes_for_the_end() -> None:
    followers = Followers()
    followers.publish("abc", "exit: 0")
    followers.publish("abc", "apps/web.yaml: bad\nexit: 0")
    followers.finish("abc", False, "refused")
    ends = [line for line in followers.read("abc").lines if line.startswith("exit: ")]
    assert ends == ["exit: 1 refused"]
