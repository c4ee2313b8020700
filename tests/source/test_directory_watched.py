"""A directory that is watched: when a change is noticed, and that a burst of them is one."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from pathlib import Path

import pytest

from reconciler.source import directory, notices
from reconciler.source.directory import Directory
from tests.source.conftest import shown, until


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks whether the folder was moved, and tries again to read it, more often than in life."""
    monkeypatch.setattr(notices, "CHECK_S", 0.05)
    monkeypatch.setattr(directory, "RETRY_S", 0.05)


def revision(source: Directory) -> str:
    snapshot = source.latest()
    return snapshot.revision.id if snapshot else ""


class Watched:
    """A source that is watched, and when it told of something new."""

    def __init__(self, source: Directory) -> None:
        self.source, self.told = source, []  # type: list[str]
        source.start(lambda: self.told.append(revision(source)))
        until(lambda: self.told and source._notices and source._notices._watched)

    def next(self, seconds: float) -> float:
        count = len(self.told)
        return until(lambda: len(self.told) > count, seconds)


SOON = directory.LOOK_S / 2
"""Seconds, on a busy machine too; without a notice it would be all of it."""


def test_an_edit_is_noticed_soon(source: Directory, folder: Path) -> None:
    watched = Watched(source)
    (folder / "apps" / "b.yaml").write_text("b: 1\n")
    watched.next(SOON)
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "new" / "deep" / "c.yaml").write_text("c")
    watched.next(SOON)
    shutil.rmtree(folder / "new")
    watched.next(SOON)


def test_an_editors_rename_is_noticed(source: Directory, folder: Path) -> None:
    Watched(source)
    (folder / "apps" / "4913").write_text("a: 2\n")
    (folder / "apps" / "4913").rename(folder / "apps" / "a.yaml")
    until(lambda: (now := source.latest()) is not None and shown(now.root) == {"apps/a.yaml": "a: 2\n"}, SOON)


def test_a_burst_of_edits_is_one_notice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes when all of them are there, so that no other can follow."""
    monkeypatch.setattr(notices, "QUIET_S", 2.0)
    there: list[int] = []
    watch = notices.Notices(folder, lambda: there.append(len(list(folder.glob("*.yaml")))))
    watch.start()
    try:
        until(lambda: there)
        for number in range(20):
            (folder / f"{number}.yaml").write_text("x")
            time.sleep(0.01)
        until(lambda: len(there) > 1)
        assert there == [0, 20]
    finally:
        watch.close()


def test_edits_without_end_are_taken_up_in_between(
    source: Directory, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "QUIET_S", 60.0)
    monkeypatch.setattr(notices, "LONGEST_S", 0.3)
    watched = Watched(source)
    stop = threading.Event()

    def edit() -> None:
        while not stop.wait(0.05):
            (folder / "apps" / "a.yaml").write_text(str(time.monotonic()))

    thread = threading.Thread(target=edit)
    thread.start()
    try:
        watched.next(SOON)
    finally:
        stop.set()
        thread.join()


def test_reading_and_hidden_folders_are_no_news(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "QUIET_S", 0.05)
    (folder / ".git").mkdir()
    told: list[float] = []
    watch = notices.Notices(folder, lambda: told.append(time.monotonic()))
    watch.start()
    try:
        until(lambda: told)  # of the folder itself, which is watched from now on
        (folder / ".git" / "index").write_text("x")
        (folder / "apps" / "a.yaml").read_text()
        time.sleep(0.3)
        assert len(told) == 1
        (folder / "apps" / "a.yaml").write_text("x")
        until(lambda: len(told) > 1)
    finally:
        watch.close()


def test_a_removed_directory_is_an_error_and_comes_back(source: Directory, folder: Path) -> None:
    watched = Watched(source)
    good = source.latest()
    folder.rename(folder.with_name("away"))
    watched.next(SOON)
    assert source.error() is not None and source.latest() == good
    folder.mkdir()
    (folder / "n.yaml").write_text("n")
    until(lambda: source.error() is None and source.latest() != good)
    (folder / "m.yaml").write_text("m")
    watched.next(SOON)  # the new directory is watched


def test_a_link_that_is_moved_is_followed(tmp_path: Path) -> None:
    """As tools do that publish a whole folder at once."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(name)
    (tmp_path / "current").symlink_to("one")
    source = Directory(tmp_path / "current", tmp_path / "cache")
    try:
        watched = Watched(source)
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").replace(tmp_path / "current")
        watched.next(SOON)
        snapshot = source.latest()
        assert snapshot is not None and shown(snapshot.root) == {"a.yaml": "two"}
    finally:
        source.close()


@pytest.mark.parametrize("why", ["inotify", "nfs"])
def test_where_the_kernel_gives_no_notices_it_looks(
    source: Directory,
    folder: Path,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def limit(*_: object) -> object:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr(notices, "POLL_S", 0.1)
    if why == "inotify":
        monkeypatch.setattr(notices, "observe", limit)
    else:
        monkeypatch.setattr(notices, "file_system", lambda _: "nfs4")
    with caplog.at_level(logging.WARNING):
        watched = Watched(source)
        until(lambda: "is looked at every" in caplog.text)
    (folder / "b.yaml").write_text("b")
    watched.next(SOON)


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    assert notices.file_system(Path("/proc/self")) == "proc"
