"""Progress comes back as it was, and only what changed is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.model.container import Container
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord
from reconciler.model.pod import PodSpec
from reconciler.model.progress import Attempt, PastVersion, Progress, RolloutState
from reconciler.record.progress import KEPT_EVERY_S, ProgressStore, TimeStore
from reconciler.record.store import Statement, Store

words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
keys = st.builds(Key, st.sampled_from(["Deployment", "Pod"]), words, words)
times = st.floats(0, 4e9)
past = st.builds(PastVersion, number=st.integers(1, 99), template_hash=words, revision=words, at=times)
rollouts = st.builds(
    RolloutState,
    template_hash=words,
    phase=st.sampled_from(["progressing", "complete", "failed", "paused"]),
    number=st.integers(1, 99),
    started_at=times,
    progressed_at=times,
    best=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    message=words,
    history=st.lists(past, max_size=3).map(tuple),
)
names = st.text("abz-09", min_size=1, max_size=12).map(lambda text: f"a{text}z")
records = st.builds(
    PodRecord,
    namespace=names,
    name=names,
    owner=keys,
    template_hash=st.text("0af", max_size=10),
    revision=names,
    node=words,
    spec=st.just(PodSpec(containers=(Container(name="main", image="web:1"),))),
)
attempts = st.builds(
    Attempt,
    record=records,
    count=st.integers(1, 9),
    reason=words,
    message=words,
    first_at=times,
    retry_at=times,
)
progresses = st.builds(
    Progress,
    rollouts=st.dictionaries(keys, rollouts, max_size=4),
    attempts=st.dictionaries(keys, attempts, max_size=3),
    accepted=words,
    converged=words,
)


@given(st.lists(progresses, min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_what_was_saved_last_is_what_is_loaded(saved: list[Progress]) -> None:
    store = Store(None)
    keeper = ProgressStore(store)
    for progress in saved:
        keeper.save(progress)
    assert ProgressStore(store).load() == saved[-1]


class Counting(Store):
    """Counts what is written."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__(path)
        self.writes: list[Sequence[Statement]] = []

    def write(self, statements: Any) -> int:
        self.writes.append(list(statements))
        return super().write(self.writes[-1])


def state(number: int = 1) -> RolloutState:
    return RolloutState(template_hash="h", phase="complete", number=number, started_at=1.0, progressed_at=1.0)


def fleet(size: int) -> Progress:
    return Progress(rollouts={Key("Deployment", "default", f"web-{n}"): state() for n in range(size)})


def test_nothing_is_written_when_nothing_changed() -> None:
    store = Counting()
    keeper = ProgressStore(store)
    keeper.save(fleet(3))
    store.writes.clear()
    keeper.save(fleet(3))
    assert store.writes == []


def test_also_not_by_the_next_process() -> None:
    store = Counting()
    ProgressStore(store).save(fleet(3))
    store.writes.clear()
    ProgressStore(store).save(fleet(3))
    assert store.writes == []


def test_one_change_is_one_row_and_one_transaction() -> None:
    store = Counting()
    keeper = ProgressStore(store)
    keeper.save(before := fleet(3000))
    store.writes.clear()
    changed = dict(before.rollouts) | {Key("Deployment", "default", "web-7"): state(2)}
    del changed[Key("Deployment", "default", "web-8")]
    keeper.save(after := msgspec.structs.replace(before, rollouts=changed))
    (transaction,) = store.writes
    assert len(transaction) == 2
    assert ProgressStore(store).load() == after


def test_a_row_of_another_version_is_left_out_and_the_rest_is_kept(caplog: Any) -> None:
    store = Store(None)
    ProgressStore(store).save(fleet(2))
    store.write([("UPDATE progress SET value = '{\"phase\": 5}' WHERE name = 'web-0'", ())])
    loaded = ProgressStore(store).load()
    assert [k.name for k in loaded.rollouts] == ["web-1"]
    assert "Deployment default/web-0" in caplog.text


def test_an_attempt_without_its_secret_values_is_all_that_is_kept(tmp_path: Path) -> None:
    spec = PodSpec(containers=(Container(name="main", image="web:1"),))
    record = PodRecord(
        namespace="default", name="web-1", owner=Key("Deployment", "default", "web"),
        template_hash="h", revision="r", node="pi-1", spec=spec,
    )  # fmt: skip
    attempt = Attempt(record=record, count=1, reason="ErrImagePull", message="m", first_at=1.0, retry_at=2.0)
    keeper = ProgressStore(Store(tmp_path / "s.db"))
    keeper.save(Progress(attempts={record.key: attempt}))
    rows = (
        sqlite3.connect(tmp_path / "s.db")
        .execute("SELECT value FROM progress WHERE part = 'attempt'")
        .fetchall()
    )
    assert msgspec.json.decode(rows[0][0], type=Attempt) == attempt


def test_the_loops_time_is_kept_while_something_waits_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    times = TimeStore(store)
    assert times.load() is None
    times.keep(None)
    times.keep(1000.0)
    times.keep(1000.0 + KEPT_EVERY_S - 1)
    assert TimeStore(store).load() == 1000.0, "not written at each pass"
    times.keep(1000.5, ordered=True)
    assert TimeStore(store).load() == 1000.5, "a decision is never later than the next life begins"
    times.keep(1000.5 + KEPT_EVERY_S)
    successor = TimeStore(store)
    assert successor.load() == 1000.5 + KEPT_EVERY_S
    assert ProgressStore(store).load() == Progress()
    successor.keep(None)
    assert TimeStore(store).load() is None, "nothing waits any more: the next life begins at the wall's"


@pytest.mark.parametrize("value", ['"never"', "1e999", "-5.0", "NaN", "["])
def test_a_time_that_is_none_is_not_taken_for_one(tmp_path: Path, value: str) -> None:
    store = Store(tmp_path / "state.db")
    put = "INSERT INTO progress (part, kind, namespace, name, value) VALUES ('time', '', '', '', ?)"
    store.write([(put, (value,))])
    assert TimeStore(store).load() is None
