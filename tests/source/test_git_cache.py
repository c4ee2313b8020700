"""The cache of a remote repository: damaged, full, shared, private, and never growing without end."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from tests.source.conftest import Work, shown

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


def _break(cache: Path, how: str) -> None:
    (mirror,) = cache.glob("*.git")
    packs = [p for p in (mirror / "objects").rglob("*") if p.is_file()]
    if how == "no HEAD":
        (mirror / "HEAD").unlink()
    elif how == "garbage HEAD":
        (mirror / "HEAD").write_text("garbage")
    elif how == "a file in its place":
        shutil.rmtree(mirror)
        mirror.write_text("garbage")
    elif how == "no objects":
        shutil.rmtree(mirror / "objects")
    elif how == "garbage ref":
        (mirror / "refs/heads/main").write_text("garbage\n")
    elif how == "garbage config":
        (mirror / "config").write_text("[[[")
    for file in packs:
        if how in ("empty objects", "garbage objects"):
            file.chmod(0o644)
            file.write_bytes(b"" if how == "empty objects" else b"x" * file.stat().st_size)


@pytest.mark.parametrize("fresh_commit", [True, False])
@pytest.mark.parametrize(
    "how",
    [
        "no HEAD",
        "garbage HEAD",
        "a file in its place",
        "no objects",
        "garbage ref",
        "garbage config",
        "empty objects",
        "garbage objects",
    ],
)
def test_a_damaged_cache_is_made_anew(
    work: Work, remote: Remote, tmp_path: Path, how: str, fresh_commit: bool
) -> None:
    work.commit({"a.yaml": "1", "b.yaml": "b"})
    remote(work.path).fetch()
    _break(tmp_path / "cache", how)
    shutil.rmtree(tmp_path / "cache" / "exports")
    if fresh_commit:
        work.commit({"a.yaml": "2"})
    snapshot = remote(work.path).fetch()
    assert shown(snapshot.root) == {"a.yaml": "2" if fresh_commit else "1", "b.yaml": "b"}


def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    work: Work, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    work.commit({"a.yaml": "1", "b.yaml": "2"})
    source = remote(work.path)
    with monkeypatch.context() as patch:
        patch.setattr("reconciler.source.checkout._write", full)
        with pytest.raises(SourceError, match="No space left on device"):
            source.fetch()
    (boot,) = (tmp_path / "cache" / "exports").iterdir()
    assert not list(boot.iterdir())
    assert shown(source.fetch().root) == {"a.yaml": "1", "b.yaml": "2"}


def test_the_cache_is_for_its_owner_only(work: Work, remote: Remote, tmp_path: Path) -> None:
    """Manifests may hold Secrets."""
    work.commit({"a.yaml": "1"})
    root = remote(work.path).fetch().root
    assert root.stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache" / "exports").stat().st_mode & 0o077 == 0
    assert (root / "a.yaml").stat().st_mode & 0o222 == 0


def test_two_processes_may_share_a_cache(work: Work, remote: Remote, tmp_path: Path) -> None:
    """`plan` beside `serve`."""
    work.commit({"a.yaml": "1"})
    results: list[str] = []

    def fetch() -> None:
        results.append(remote(work.path).fetch().revision.id)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(results) == 4 and len(set(results)) == 1


def test_a_mirror_does_not_grow_without_end(
    work: Work, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.source.mirror.MAX_PACKS", 3)
    source = remote(work.path)
    for number in range(6):
        work.commit({"a.yaml": os.urandom(2000).hex(), "n": str(number)})
        source.fetch()
    (mirror,) = (tmp_path / "cache").glob("*.git")
    assert len(list((mirror / "objects/pack").glob("*.pack"))) <= 4
