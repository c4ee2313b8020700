"""Real git in temporary folders, away from the user's own configuration."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.model.fleet import GitSource
from reconciler.source.directory import Directory
from reconciler.source.git import RemoteRepository
from reconciler.source.hosted import SOCKET, HostedRepository
from tests.source.hosting import Daemon, open_hosted


@pytest.fixture(autouse=True)
def own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada Lovelace")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")


class Work:
    """A work tree that commits are made in."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *args: str, stdin: bytes = b"", check: bool = True) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), *args], input=stdin, capture_output=True, check=False, timeout=60
        )
        said = (done.stdout + done.stderr).decode().strip()
        assert not check or done.returncode == 0, f"git {' '.join(args)}: {said}"
        return said

    def commit(self, files: dict[str, str], message: str = "a change") -> str:
        for name, text in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "work")


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[Callable[..., RemoteRepository]]:
    """Opens a source on a URL; all of a test's sources share one cache."""
    opened: list[RemoteRepository] = []

    def open_one(url: Path | str, *, timeout: float = 20.0, **fields: str) -> RemoteRepository:
        spec = GitSource(url=str(url), **fields)  # type: ignore[arg-type]  # all of them are strings
        source = RemoteRepository(spec, tmp_path / "cache", timeout=timeout)
        opened.append(source)
        return source

    yield open_one
    for source in opened:
        source.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "fleet"
    (path / "apps").mkdir(parents=True)
    (path / "apps" / "a.yaml").write_text("a: 1\n")
    return path


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Iterator[Directory]:
    opened = Directory(folder, tmp_path / "cache")
    yield opened
    opened.close()


@pytest.fixture
def hosted(short: Path) -> Iterator[HostedRepository]:
    source = open_hosted(short)
    source.prepare()
    yield source
    source.close()


@pytest.fixture
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short name: a Unix socket's path has 107 bytes at most."""
    return tmp_path_factory.mktemp("h")


@pytest.fixture
def clone(work: Work, hosted: HostedRepository) -> Work:
    work.git("remote", "add", "origin", str(hosted.path))
    return work


@pytest.fixture
def daemon(hosted: HostedRepository) -> Iterator[Callable[..., Daemon]]:
    started: list[Daemon] = []

    def start(lines: list[str], hold: threading.Event | None = None) -> Daemon:
        started.append(Daemon(hosted.path / SOCKET, lines, hold))
        return started[-1]

    yield start
    for one in started:
        one.close()


def until(true: Callable[[], object], seconds: float = 60.0) -> float:
    """Wait for it; returns how long that took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, "it never came"
        time.sleep(0.01)
    return time.monotonic() - began


def shown(root: Path) -> dict[str, str]:
    """Every file below `root`; links as `-> target`."""
    out = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            out[str(path.relative_to(root))] = f"-> {path.readlink()}"
        elif path.is_file():
            out[str(path.relative_to(root))] = path.read_bytes().decode()
    return out
