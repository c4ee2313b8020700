"""A database whose folder or file is moved, removed or replaced under a running reconciler."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.record import store as store_module
from reconciler.record.store import Store
from tests.record.test_store import names, put, reasons


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "LOOK_S", 0.0)


def replaced_by(store: Store, path: Path, row: str) -> None:
    """Another file takes the place of the one that is written to, as when a copy is put back."""
    assert store.on_disk
    other = Store(path.with_name("other.db"))
    put(other, row)
    other.close()
    path.with_name("other.db").rename(path)


@pytest.mark.usefixtures("watchful")
@pytest.mark.parametrize("how", ["folder moved", "folder removed", "file removed", "file moved"])
def test_a_file_that_is_moved_away_under_it_is_written_anew(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "fleet"
    path = folder / "state.db"
    store = Store(path)
    put(store, "a")
    {
        "folder moved": lambda: folder.rename(tmp_path / "elsewhere"),
        "folder removed": lambda: shutil.rmtree(folder),
        "file removed": path.unlink,
        "file moved": lambda: path.rename(tmp_path / "moved.db"),
    }[how]()
    assert names(store) == ["a"], "noticed by who only reads"
    assert reasons(store) == ["HistoryMoved"]
    put(store, "b")
    assert names(Store(path)) == ["a", "b"]
    assert store.trouble == ""
    assert reasons(store) == []


@pytest.mark.usefixtures("watchful")
def test_a_file_that_is_replaced_under_it_is_kept_beside(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path)
    put(store, "a")
    replaced_by(store, path, "of another")
    put(store, "b")
    (aside,) = tmp_path.glob("state.db.before-????????T??????-??????")
    assert names(Store(aside)) == ["of another"]
    assert names(Store(path)) == ["a", "b"]


@pytest.mark.usefixtures("watchful")
def test_a_folder_that_is_replaced_under_it_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    path = folder / "state.db"
    store = Store(path)
    put(store, "a")
    other = tmp_path / "other"
    killed = Store(other / "state.db")  # never closed: what it wrote is beside it
    put(killed, "of another")
    folder.rename(tmp_path / "elsewhere")
    other.rename(folder)
    put(store, "b")
    assert names(Store(path)) == ["a", "b"]
    (aside,) = (p for p in folder.glob("state.db.before-*") if not p.name.endswith(("-wal", "-shm")))
    assert names(Store(aside)) == ["of another"]


@pytest.mark.usefixtures("watchful")
def test_a_file_in_the_place_of_the_folder_means_memory_until_it_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    store = Store(folder / "state.db", retry_disk=0.0)
    put(store, "a")
    folder.rename(tmp_path / "elsewhere")
    folder.write_text("in the way")
    assert names(store) == ["a"]
    assert "expected a directory" in store.trouble
    folder.unlink()
    put(store, "b")
    assert names(Store(folder / "state.db")) == ["a", "b"]
    assert reasons(store) == ["HistoryNotWritten", "HistoryWritten"]
