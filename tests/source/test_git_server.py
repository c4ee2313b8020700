"""A Git server that is gone, that hangs, that is slow to tell; and how soon a new commit is seen."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from reconciler.source.snapshot import Snapshot
from tests.source.conftest import Work, until

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


def test_an_unreachable_server_is_told_and_the_last_commit_stays(work: Work, remote: Remote) -> None:
    """Also over a restart: a fleet must heal while its Git server is down."""
    commit = work.commit({"a.yaml": "1"})
    remote(work.path).fetch()
    work.path.rename(work.path.with_name("moved"))
    source = remote(work.path)
    changes = threading.Event()
    source.start(changes.set)
    until(lambda: source.error() is not None and changes.is_set())
    latest = source.latest()
    assert latest is not None and latest.revision.id == commit
    assert "no such repository" in str(source.error())


def test_a_server_that_never_answers_costs_the_time_out_and_no_more(remote: Remote, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x.git"
        source = remote(url, timeout=0.5)
        source._mirror._first_timeout = 0.5
        began = time.monotonic()
        with pytest.raises(SourceError, match=r"no answer within 0\.5 s"):
            source.fetch()
        assert time.monotonic() - began < 60
    until(lambda: not _processes_of(url))  # git's helpers end with it


def _processes_of(text: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if text in line and state != "Z":
            found.append(line)
    return found


def test_closing_ends_a_fetch_that_hangs(remote: Remote) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = remote(f"http://127.0.0.1:{server.getsockname()[1]}/x.git", timeout=60)
        source.start(lambda: None)
        server.accept()
        began = time.monotonic()
        source.close()
        assert time.monotonic() - began < 50, "it would hang for a minute"


def newest(source: RemoteRepository) -> Snapshot:
    snapshot = source.latest()
    assert snapshot is not None
    return snapshot


def test_of_ten_commits_in_two_seconds_the_newest_wins(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "0"})
    source = remote(work.path, interval="50ms")
    seen: list[str] = []
    source.start(lambda: seen.append((newest(source).root / "a.yaml").read_text()))
    until(lambda: seen)
    for number in range(1, 11):
        last = work.commit({"a.yaml": str(number)})
        source.wake()
        time.sleep(0.1)
    until(lambda: newest(source).revision.id == last)
    until(lambda: seen[-1] == "10")
    assert [int(text) for text in seen] == sorted({int(text) for text in seen})


def test_a_wake_brings_a_commit_at_once(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "0"})
    source = remote(work.path, interval="1h")
    changes: list[float] = []
    source.start(lambda: changes.append(time.monotonic()))
    until(lambda: changes)
    commit = work.commit({"a.yaml": "1"})
    source.wake()
    until(lambda: newest(source).revision.id == commit)


def test_without_git_it_says_so(work: Work, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    work.commit({"a.yaml": "1"})
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError, match="git isn't installed"):
        remote(work.path).fetch()
