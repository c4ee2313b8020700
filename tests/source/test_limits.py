"""A few kilobytes that stand for gigabytes: refused before anything of them is read, in words."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable

import pytest

from reconciler.errors import SourceError
from reconciler.source import limits, process
from reconciler.source.git import RemoteRepository
from reconciler.source.hosted import HostedRepository
from reconciler.source.limits import MAX_REFS, Tally
from reconciler.source.receive import updates
from tests.source.conftest import Work
from tests.source.forged import blob, branch, delta_pack, nested, tree
from tests.source.hosting import GOOD

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


def refused(clone: Work) -> str:
    said = clone.git("push", "origin", "main", check=False)
    assert "pre-receive hook declined" in said
    return said


def test_one_large_file_under_many_names(clone: Work, hosted: HostedRepository) -> None:
    """A few kilobytes as they are pushed."""
    large = blob(clone, bytes(4_000_000))
    branch(clone, tree(clone, *(("100644", f"{number:03}.bin", large) for number in range(300))))
    said = refused(clone)
    assert "refused: the revision: its files up to 268.bin have 1,076 MB, and 1,074 MB are the most" in said
    assert "keep what isn't a manifest out of it" in said
    assert not [path for path in hosted.path.iterdir() if path.name.startswith("reconciler-push-")]


@pytest.mark.parametrize("leaf", ["file", "empty folder"])
def test_a_tree_of_trees(clone: Work, hosted: HostedRepository, leaf: str) -> None:
    """Ten million files, or empty folders, of eight objects."""
    entry = ("100644", blob(clone, b"x")) if leaf == "file" else ("40000", tree(clone))
    branch(clone, nested(clone, entry, 10, 7))
    began = time.monotonic()
    assert "holds more than 100,000 files and folders" in refused(clone)
    assert time.monotonic() - began < 60, "it ends at the limit, not at the end"


def test_a_deep_tree_and_long_names(clone: Work, hosted: HostedRepository) -> None:
    branch(clone, nested(clone, ("100644", blob(clone, b"x")), 1, 80))
    assert "lies 65 folders deep, and 64 are the most" in refused(clone)
    branch(clone, tree(clone, ("100644", "x" * 300, blob(clone, b"x"))))
    assert "has 300 bytes, its longest part 300; 1,024 and 255 are the most" in refused(clone)
    long = tree(clone, ("100644", "a", blob(clone, b"x")))
    for _ in range(6):
        long = tree(clone, ("40000", "y" * 200, long))
    branch(clone, long)
    assert "1,024 and 255 are the most" in refused(clone)


def test_a_link_and_a_commit_of_many_bytes(clone: Work, hosted: HostedRepository) -> None:
    branch(clone, tree(clone, ("120000", "a", blob(clone, b"x" * 5000))))
    assert "has 5,000 bytes, and 4,096 are the most" in refused(clone)
    top = tree(clone, ("100644", "a.yaml", blob(clone, (GOOD % 1).encode())))
    commit = clone.git("commit-tree", top, stdin=b"x" * 1_200_000)
    clone.git("update-ref", "refs/heads/main", commit)
    assert "bytes, and 1,000,000 are the most" in refused(clone)


def test_the_same_limits_hold_for_a_repository_elsewhere(work: Work, remote: Remote) -> None:
    good = work.commit({"a.yaml": "a"})
    source = remote(work.path)
    source.fetch()
    branch(work, nested(work, ("100644", blob(work, b"x")), 10, 6))
    with pytest.raises(SourceError, match="holds more than 100,000 files and folders"):
        source.fetch()
    latest = source.latest()
    assert latest is not None
    assert latest.revision.id == good


def test_what_a_fetch_expands_to_in_memory_is_bounded(work: Work, remote: Remote) -> None:
    """A few kilobytes that git would make 272 MB of as it looks at what it was sent."""
    pack, commit = delta_pack(17)
    git = ["git", "-C", str(work.path)]
    subprocess.run([*git, "index-pack", "--stdin"], input=pack, check=True, capture_output=True)
    subprocess.run([*git, "update-ref", "refs/heads/main", commit], check=True)
    with pytest.raises(SourceError, match="takes more than 256 MB of memory"):
        remote(f"file://{work.path}").fetch()


def test_a_pack_that_is_too_large_is_not_kept(
    work: Work, remote: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "MAX_PACK_BYTES", 200_000)
    (work.path / "noise").write_bytes(random.Random(1).randbytes(400_000))
    work.commit({"a.yaml": "a"})
    with pytest.raises(SourceError, match="it is larger than"):
        remote(f"file://{work.path}").fetch()


def test_the_repository_tells_git_what_it_may_take(hosted: HostedRepository) -> None:
    told = subprocess.run(
        ["git", "--git-dir", str(hosted.path), "config", "--local", "--list"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.lower()
    for setting in ("receive.maxinputsize=1073741824", "receive.unpacklimit=1", "core.usereplacerefs=false"):
        assert setting in told


def test_a_push_that_is_too_large_is_not_unpacked(clone: Work, hosted: HostedRepository) -> None:
    settings = ["git", "--git-dir", str(hosted.path), "config", "receive.maxInputSize", "100k"]
    subprocess.run(settings, check=True)
    (clone.path / "noise").write_bytes(random.Random(1).randbytes(400_000))
    clone.commit({"a.yaml": GOOD % 1})
    assert "exceeds maximum allowed size" in clone.git("push", "origin", "main", check=False)


def test_the_refs_of_one_push_are_counted() -> None:
    read: list[int] = []

    def lines() -> object:
        for number in range(10**7):
            read.append(number)
            yield f"{'0' * 40} {'1' * 40} refs/heads/b{number}\n"

    with pytest.raises(SourceError, match="more than 1,000 branches and tags"):
        updates(lines())  # type: ignore[arg-type]
    assert len(read) == MAX_REFS + 1


def test_submodules_are_counted_with_what_holds_them() -> None:
    tally = Tally()
    for _ in range(limits.MAX_SUBMODULES):
        tally.submodule()
    with pytest.raises(SourceError, match="has more than 32 submodules"):
        tally.submodule()
