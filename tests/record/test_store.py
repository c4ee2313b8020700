"""The database never stops the reconciler: damaged, locked, full or unwritable."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from reconciler.record import store as store_module
from reconciler.record.schema import MIGRATIONS, VERSION
from reconciler.record.store import Store

PUT = "INSERT OR REPLACE INTO progress (part, kind, namespace, name, value) VALUES ('t', '', '', ?, ?)"


def put(store: Store, name: str, value: str = "v") -> None:
    store.write([(PUT, (name, value))])


def names(store: Store) -> list[str]:
    return [row[0] for row in store.read("SELECT name FROM progress ORDER BY name")]


def reasons(store: Store) -> list[str]:
    return [t.reason for t in store.troubles()]


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    first = Store(path)
    put(first, "a")
    first.close()
    assert names(Store(path)) == ["a"]
    assert path.stat().st_mode & 0o077 == 0, "others may not read it"


def test_without_a_path_it_lives_in_memory() -> None:
    store = Store(None)
    put(store, "a")
    assert names(store) == ["a"]
    assert not store.on_disk


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    with pytest.raises(sqlite3.IntegrityError):
        store.write([(PUT, ("a", "v")), (PUT, ("b", None))])
    assert names(store) == []
    assert store.on_disk, "a wrong statement says nothing about the disk"


@pytest.mark.parametrize(
    "content", [b"not a database at all, just text" * 100, os.urandom(8192), b"SQLite format 3\0" * 64]
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    store = Store(path)
    put(store, "a")
    assert names(store) == ["a"]
    assert store.on_disk
    assert reasons(store) == ["HistorySetAside"]
    (aside,) = tmp_path.glob("state.db.unreadable-*")
    assert aside.read_bytes() == content


def test_damage_inside_an_otherwise_good_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first = Store(path)
    for n in range(500):
        put(first, f"{n}", "x" * 200)
    first.read("PRAGMA wal_checkpoint(TRUNCATE)")
    first.close()
    with path.open("r+b") as file:
        file.seek(4096 * 6)
        file.write(os.urandom(4096 * 4))
    store = Store(path)
    assert reasons(store) == ["HistorySetAside"]
    assert names(store) == []


def test_damage_while_running_costs_history_only(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path)
    for n in range(500):
        put(store, f"{n}", "x" * 200)
    store.read("PRAGMA wal_checkpoint(TRUNCATE)")
    store.read("PRAGMA cache_size = 1")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    put(store, "b")
    assert names(store) == ["b"]
    assert reasons(store) == ["HistorySetAside"]
    assert store.on_disk


def test_damaged_letters_in_a_good_file_cost_no_more_than_themselves(tmp_path: Path) -> None:
    """SQLite finds nothing wrong with them."""
    path = tmp_path / "state.db"
    first = Store(path)
    put(first, "a", "value")
    first.write([(PUT.replace("?, ?)", "?, CAST(? AS TEXT))"), ("b", b"va\xffue"))])
    first.close()
    store = Store(path)
    assert store.read("SELECT name, value FROM progress ORDER BY name") == [
        ("a", "value"),
        ("b", "va\ufffdue"),
    ]
    assert (store.on_disk, reasons(store)) == (True, [])
    store.close()


def test_a_file_of_a_later_version_is_kept_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as later:
        later.execute(f"PRAGMA user_version = {VERSION + 7}")
    later.close()
    store = Store(path)
    (trouble,) = store.troubles()
    assert f"schema version {VERSION + 7}" in trouble.message
    assert store.on_disk


def test_a_file_of_an_earlier_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    sqlite3.connect(path).close()
    store = Store(path)
    assert store.read("PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert store.troubles() == ()


def test_a_directory_that_cannot_be_made_means_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "state.db")
    put(store, "a")
    assert names(store) == ["a"]
    assert not store.on_disk
    assert store.trouble.endswith("state.db can't be written (File exists)")
    assert reasons(store) == ["HistoryNotWritten"]


def test_a_directory_in_the_place_of_the_file_means_memory(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    store = Store(tmp_path / "state.db")
    put(store, "a")
    assert names(store) == ["a"]
    assert reasons(store) == ["HistoryNotWritten"]


def test_a_disk_that_comes_late_keeps_what_is_on_it(tmp_path: Path) -> None:
    """Memory began without it and must not take its place."""
    path, mounted = tmp_path / "state.db", tmp_path / "mounted.db"
    before = Store(mounted)
    put(before, "before")
    before.close()
    path.mkdir()
    store = Store(path, retry_disk=0.05)
    put(store, "meanwhile")
    path.rmdir()
    mounted.rename(path)
    time.sleep(0.06)
    put(store, "after")
    assert names(Store(path)) == ["after", "meanwhile"]
    (aside,) = tmp_path.glob("state.db.before-*")
    assert names(Store(aside)) == ["before"]
    assert [t.reason for t in store.troubles()] == ["HistoryNotWritten", "HistoryWritten"]


def test_a_file_that_can_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    before = Store(path)
    put(before, "before")
    before.close()
    real = store_module.connect

    def read_only(place: Path | None) -> sqlite3.Connection:
        if place is not None:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(None)

    monkeypatch.setattr(store_module, "connect", read_only)
    store = Store(path, retry_disk=0.0)
    put(store, "meanwhile")
    assert names(store) == ["before", "meanwhile"]
    assert "in memory only" in store.trouble
    assert "readonly" in store.trouble
    monkeypatch.setattr(store_module, "connect", real)
    put(store, "after")
    assert names(Store(path)) == ["after", "before", "meanwhile"]
    assert list(tmp_path.glob("state.db.before-*")) == []
    assert store.trouble == ""


def open_at_once(path: Path, gate: Any, found: Any) -> None:
    gate.wait()
    store = Store(path)
    found.put(store.on_disk)
    store.close()


@pytest.mark.programs
def test_several_programs_may_be_the_first(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    found = fork.Queue()
    for number in range(10):
        gate = fork.Barrier(4)
        path = tmp_path / f"{number}.db"
        programs = [fork.Process(target=open_at_once, args=(path, gate, found)) for _ in range(4)]
        for program in programs:
            program.start()
        assert [found.get(timeout=30) for _ in programs] == [True] * 4
        for program in programs:
            program.join()


def fill_up(store: Store) -> None:
    """No page more than now, as on a full disk: SQLite then says `database or disk is full`."""
    (pages,) = store.read("PRAGMA page_count")[0]
    store.read(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_moves_everything_to_memory_and_back_later(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path, retry_disk=0.05)
    put(store, "before")
    fill_up(store)
    for n in range(60):
        put(store, f"full-{n}", "x" * 3000)
    time.sleep(0.06)
    put(store, "after")
    assert store.on_disk
    assert reasons(store) == ["HistoryNotWritten", "HistoryWritten"]
    store.close()
    kept = names(Store(path))
    assert {"before", "full-0", "full-59", "after"} <= set(kept)


def test_a_disk_that_stays_full_is_told_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db", retry_disk=60.0)
    fill_up(store)
    for n in range(60):
        put(store, f"{n}", "x" * 3000)
    assert len(names(store)) == 60
    assert reasons(store) == ["HistoryNotWritten"]


def test_two_writers_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    stores = [Store(path), Store(path)]

    def write(store: Store, mark: str) -> None:
        for n in range(100):
            put(store, f"{mark}{n}")

    threads = [threading.Thread(target=write, args=(s, m)) for s, m in zip(stores, "ab", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(names(stores[0])) == 200
    assert all(s.on_disk for s in stores)


def test_many_threads_on_one_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db")
    threads = [
        threading.Thread(target=lambda mark=m: [put(store, f"{mark}-{n}") for n in range(25)])
        for m in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(names(store)) == 200


WRITER = """
import sys
from pathlib import Path
from reconciler.record.store import Store
store = Store(Path(sys.argv[1]))
n = 0
while True:
    store.write([("INSERT OR REPLACE INTO progress VALUES ('t', '', '', ?, ?)", (str(n), "x" * 500))])
    print(n, flush=True)
    n += 1
"""


@pytest.mark.programs
@pytest.mark.parametrize("writes", [1, 40, 300])
def test_a_kill_in_the_middle_of_writing_loses_nothing_that_was_written(tmp_path: Path, writes: int) -> None:
    path = tmp_path / "state.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        last = ""
        for _ in range(writes):
            last = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    store = Store(path)
    assert store.troubles() == ()
    assert last in names(store)
