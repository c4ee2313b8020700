"""Events are counted as Kubernetes counts them; history and limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.revision import Revision
from reconciler.record import journal as journal_module
from reconciler.record.journal import REPEAT_WINDOW_S, Journal
from reconciler.record.store import Store

WEB, DB = Key("Deployment", "default", "web"), Key("Deployment", "default", "db")


def event(at: float, **more: Any) -> Event:
    plain = {"type": "Warning", "reason": "BackOff", "message": "restarting", "about": WEB, "node": "pi-1"}
    return Event(**(plain | more), at=at)


@pytest.fixture
def journal() -> Journal:
    return Journal(Store(None))


def test_a_repeat_raises_the_count(journal: Journal) -> None:
    for at in (100.0, 110.0, 130.0):
        journal.event(event(at))
    (told,) = journal.events()
    assert (told.count, told.first_at, told.last_at) == (3, 100.0, 130.0)
    assert told.event == event(100.0)


@pytest.mark.parametrize(
    "other",
    [
        {"message": "x"},
        {"reason": "Killing"},
        {"about": DB},
        {"node": "pi-2"},
        {"revision": "f"},
        {"type": "Normal"},
    ],
)
def test_what_differs_in_anything_is_an_event_of_its_own(journal: Journal, other: dict[str, Any]) -> None:
    journal.event(event(100.0))
    journal.event(event(101.0, **other))
    assert [e.count for e in journal.events()] == [1, 1]


def test_a_repeat_after_the_window_is_told_again(journal: Journal) -> None:
    journal.event(event(100.0))
    journal.event(event(100.0 + REPEAT_WINDOW_S))
    journal.event(event(100.0 + 2 * REPEAT_WINDOW_S + 1))
    assert [e.count for e in journal.events()] == [1, 2]


def test_newest_first_and_about_one_object(journal: Journal) -> None:
    for n, about in enumerate([WEB, DB, WEB]):
        journal.event(event(float(n), about=about, message=str(n)))
    assert [e.event.message for e in journal.events()] == ["2", "1", "0"]
    assert [e.event.message for e in journal.events(WEB)] == ["2", "0"]
    assert [e.event.message for e in journal.events(limit=1)] == ["2"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    journal = Journal(store, max_events=50, max_revisions=5)
    for n in range(600):
        journal.event(event(float(n), message=str(n)))
    for n in range(20):
        journal.revision_seen(Revision(id=f"{n:040}"), at=float(n))
    again = Journal(store, max_events=50, max_revisions=5)
    assert [e.event.message for e in again.events(limit=1000)] == [str(n) for n in range(599, 549, -1)]
    assert [r.number for r in again.history(100)] == [20, 19, 18, 17, 16]


def test_between_trims_the_excess_is_bounded() -> None:
    store = Store(None)
    journal = Journal(store, max_events=50)
    for n in range(2000):
        journal.event(event(float(n), message=str(n)))
    assert len(journal.events(limit=10_000)) <= 50 + 256


def test_a_revision_from_sight_to_end(journal: Journal) -> None:
    first = Revision(id="a" * 40, subject="Add web", author="Ada", time=5.0)
    journal.revision_seen(first, at=10.0)
    assert journal.history()[0].standing == "progressing"
    journal.revision_ended(first.id, "converged", "", 12.0)
    (told,) = journal.history()
    assert (told.revision, told.seen_at, told.standing, told.ended_at) == (first, 10.0, "converged", 12.0)


def test_a_newer_revision_supersedes_what_is_under_way(journal: Journal) -> None:
    for n, name in enumerate("abc"):
        journal.revision_seen(Revision(id=name * 40), at=float(n))
    journal.revision_ended("c" * 40, "failed", "no image", 9.0)
    assert [(r.revision.id[0], r.standing) for r in journal.history()] == [
        ("c", "failed"), ("b", "superseded"), ("a", "superseded"),
    ]  # fmt: skip
    assert journal.history()[1].message == "ccccccc took its place"


def test_a_restart_goes_on_with_the_same_run(tmp_path: Path) -> None:
    revision = Revision(id="a" * 40)
    Journal(Store(tmp_path / "s.db")).revision_seen(revision, at=1.0)
    again = Journal(Store(tmp_path / "s.db"))
    again.revision_seen(revision, at=2.0)
    assert [r.seen_at for r in again.history()] == [1.0]


def test_going_back_to_an_old_commit_is_a_run_of_its_own(journal: Journal) -> None:
    for n, name in enumerate("aba"):
        journal.revision_seen(Revision(id=name * 40), at=float(n))
        journal.revision_ended(name * 40, "converged", "", n + 0.5)
    assert [r.number for r in journal.history()] == [3, 2, 1]
    assert journal.history()[2].ended_at == 0.5


def test_trouble_with_the_file_is_told_as_an_event(tmp_path: Path) -> None:
    (tmp_path / "s.db").write_bytes(b"nonsense" * 1000)
    (told,) = Journal(Store(tmp_path / "s.db"), "home").events()
    assert told.event.reason == "HistorySetAside"
    assert told.event.about == Key("Fleet", "", "home")
    assert told.event.type == "Warning"


def test_counting_a_repeat_does_not_read_the_whole_journal() -> None:
    store = Store(None)
    plan = store.read(f"EXPLAIN QUERY PLAN {journal_module._COUNT}", ("", *[""] * 9))
    assert any("SEARCH events USING INDEX events_by_object" in row[3] for row in plan)
    assert not any(row[3].startswith("SCAN") for row in plan)
