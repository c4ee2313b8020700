"""What a remote repository brings: the newest commit of a branch, an older one, or words on why not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from tests.source.conftest import Work, shown

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


def test_brings_the_newest_commit_with_its_files(work: Work, remote: Remote) -> None:
    commit = work.commit({"apps/web.yaml": "a: 1\n", "README": "x"}, "Add the web\nserver\n\nAnd more.")
    snapshot = remote(work.path).fetch()
    assert shown(snapshot.root) == {"README": "x", "apps/web.yaml": "a: 1\n"}
    revision = snapshot.revision
    assert (revision.id, revision.subject, revision.author) == (commit, "Add the web server", "Ada Lovelace")
    assert abs(revision.time - time.time()) < 100
    assert snapshot.complete


def test_only_the_folder_that_the_inventory_names(work: Work, remote: Remote) -> None:
    work.commit({"apps/web.yaml": "a: 1\n", "other/x.yaml": "b"})
    assert shown(remote(work.path, path="apps").fetch().root) == {"web.yaml": "a: 1\n"}


@pytest.mark.parametrize(
    ("path", "said"), [("nowhere", "no folder"), ("../..", "out of"), ("/etc", "out of")]
)
def test_a_folder_that_is_not_in_the_repository(work: Work, remote: Remote, path: str, said: str) -> None:
    work.commit({"a.yaml": "a"})
    with pytest.raises(SourceError, match=said):
        remote(work.path, path=path).fetch()


def test_an_unchanged_revision_is_the_same_and_is_not_written_again(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "a"})
    source = remote(work.path)
    first = source.fetch()
    inode = (first.root / "a.yaml").stat().st_ino
    assert source.fetch() == first
    assert (first.root / "a.yaml").stat().st_ino == inode


def test_the_next_commit_and_a_forced_push_are_followed(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    source = remote(work.path)
    first = source.fetch()
    work.commit({"a.yaml": "2", "b.yaml": "b"})
    assert shown(source.fetch().root) == {"a.yaml": "2", "b.yaml": "b"}
    work.git("checkout", "--quiet", "--orphan", "new")
    work.git("rm", "-rf", "--quiet", ".")
    forced = work.commit({"c.yaml": "c"})
    work.git("branch", "--force", "main", "new")
    snapshot = source.fetch()
    assert snapshot.revision.id == forced
    assert shown(snapshot.root) == {"c.yaml": "c"}
    assert shown(first.root) == {"a.yaml": "1"}, "a snapshot stays as it was"


def test_a_deleted_branch_keeps_the_last_good_snapshot(work: Work, remote: Remote) -> None:
    commit = work.commit({"a.yaml": "1"})
    source = remote(work.path)
    source.fetch()
    work.git("checkout", "--quiet", "-b", "trunk")
    work.git("branch", "-D", "main")
    with pytest.raises(SourceError, match='the branch "main" isn\'t there; there are trunk'):
        source.fetch()
    latest = source.latest()
    assert latest is not None and latest.revision.id == commit
    assert source.error() is not None
    work.git("branch", "main")
    source.fetch()
    assert source.error() is None


def test_an_empty_repository_says_that_it_is_empty(work: Work, remote: Remote) -> None:
    with pytest.raises(SourceError, match="has no commits yet"):
        remote(work.path).fetch()


def test_a_branch_that_was_deleted_beside_a_tag_that_was_not(work: Work, remote: Remote) -> None:
    """There are commits; saying that there are none sends people to look for them elsewhere."""
    work.commit({"a.yaml": "1"})
    work.git("tag", "v1")
    work.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(SourceError, match="isn't there, nor is any other; there are refs/tags/v1") as caught:
        remote(work.path).fetch()
    assert "push the branch again" in str(caught.value)


def test_no_repository_at_all(tmp_path: Path, remote: Remote) -> None:
    with pytest.raises(SourceError, match="there is no such repository"):
        remote(f"file://{tmp_path}/none.git").fetch()


def test_branches_with_ordinary_names(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    for branch in ("release/1.2", "a-b_c", "umlaut-ä"):
        work.git("branch", branch)
        assert remote(work.path, branch=branch).fetch().revision.subject == "a change"


def test_an_older_commit_can_be_had_again(work: Work, remote: Remote, tmp_path: Path) -> None:
    old = work.commit({"a.yaml": "1"})
    work.commit({"a.yaml": "2"})
    source = remote(work.path)
    source.fetch()
    snapshot = source.at(old)
    assert snapshot is not None and shown(snapshot.root) == {"a.yaml": "1"}
    assert source.at("0" * 40) is None
    assert source.at("dir-0123456789abcdef") is None
    assert source.at("--help") is None
