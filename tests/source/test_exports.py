"""Folders that hold a revision: whole or not there, kept while in use, trimmed later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.model.revision import Revision
from reconciler.source import exports
from reconciler.source.exports import KEEP, Exports
from reconciler.source.snapshot import Snapshot


def make(store: Exports, number: int) -> Snapshot:
    return store.make(Revision(id=f"{number:040x}"), lambda into: (into / "n").touch())


def names(home: Path) -> set[int]:
    (boot,) = home.iterdir()
    return {int(path.name, 16) for path in boot.iterdir()}


def test_only_the_newest_are_kept_but_never_one_in_use(tmp_path: Path) -> None:
    store = Exports(tmp_path / "x", min_age=-1)
    held = make(store, 1)
    for number in range(2, 30):
        make(store, number)
    assert (held.root / "n").exists()
    assert len(names(tmp_path / "x")) == KEEP + 1
    assert 29 in names(tmp_path / "x")
    del held
    make(store, 30)
    assert 1 not in names(tmp_path / "x")


def test_one_that_another_process_may_use_is_kept(tmp_path: Path) -> None:
    store = Exports(tmp_path / "x")
    for number in range(1, 20):
        make(store, number)
    assert len(names(tmp_path / "x")) == 19


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    def fill(into: Path) -> None:
        (into / "half").touch()
        raise ZeroDivisionError

    store = Exports(tmp_path / "x")
    with pytest.raises(ZeroDivisionError):
        store.make(Revision(id="a" * 40), fill)
    (boot,) = (tmp_path / "x").iterdir()
    assert not list(boot.iterdir())
    assert not store.has("a" * 40)


def test_another_process_may_be_faster(tmp_path: Path) -> None:
    store, other = Exports(tmp_path / "x"), Exports(tmp_path / "x")

    def fill(into: Path) -> None:
        (into / "ours").touch()
        other.make(Revision(id="a" * 40), lambda theirs: (theirs / "theirs").touch())

    snapshot = store.make(Revision(id="a" * 40), fill)
    assert [path.name for path in snapshot.root.iterdir()] == ["theirs"]


def test_none_is_used_again_after_a_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that crashed may have left empty files, and an empty manifest is a removed one."""
    make(Exports(tmp_path / "x"), 1)
    monkeypatch.setattr(exports, "_boot", lambda: "the-next-boot")
    store = Exports(tmp_path / "x")
    assert not store.has(f"{1:040x}")
    make(store, 2)
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["the-next-boot"]


@pytest.mark.parametrize("name", ["..", "a/../../b", "", "main", "dir-", "A" * 40])
def test_a_revision_is_never_a_path(tmp_path: Path, name: str) -> None:
    store = Exports(tmp_path / "x")
    assert not store.has(name)
    with pytest.raises(SourceError, match="is no revision"):
        store.make(Revision(id=name), os.fspath)  # type: ignore[arg-type]  # never called
