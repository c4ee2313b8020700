"""A remote repository: what it brings, and every way in which it can fail."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from reconciler.source.snapshot import Snapshot
from tests.source.conftest import Work, shown, until

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


def test_a_folder_that_links_out_of_the_repository(work: Work, remote: Remote) -> None:
    (work.path / "apps").symlink_to("/etc")
    work.commit({})
    with pytest.raises(SourceError, match="leads out"):
        remote(work.path, path="apps").fetch()


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


def test_no_repository_at_all(tmp_path: Path, remote: Remote) -> None:
    with pytest.raises(SourceError, match="there is no such repository"):
        remote(f"file://{tmp_path}/none.git").fetch()


@pytest.mark.parametrize(
    "url",
    ["--upload-pack=touch pwned", "-x", "ext::sh -c touch% pwned", "fd::7", "", " x", "a\nb", "EXT::x"],
)
def test_a_url_is_never_an_option_or_a_command(url: str, remote: Remote, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="can't be a repository's URL"):
        remote(url).fetch()
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "branch", ["-x", "a:b", "+a", "a..b", "a b", "*", "", "a.lock", "/a", "a\x07", "@{1}"]
)
def test_a_branch_is_never_a_refspec(branch: str, work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    with pytest.raises(SourceError):
        remote(work.path, branch=branch).fetch()


def test_branches_with_ordinary_names(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "1"})
    for branch in ("release/1.2", "a-b_c", "umlaut-ä"):
        work.git("branch", branch)
        assert remote(work.path, branch=branch).fetch().revision.subject == "a change"


def test_credentials_in_a_url_are_never_shown(remote: Remote) -> None:
    source = remote("http://ada:hunter2@127.0.0.1:1/x.git")
    with pytest.raises(SourceError) as caught:
        source.fetch()
    assert "hunter2" not in str(caught.value) + repr(source)
    assert "can't be reached" in str(caught.value)


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
        assert time.monotonic() - began < 5
    assert not _processes_of(url), "git's helpers end with it"


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
        assert time.monotonic() - began < 2


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
    until(lambda: newest(source).revision.id == commit, 5)


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


def test_links_are_brought_as_they_are(work: Work, remote: Remote) -> None:
    (work.path / "inside.yaml").symlink_to("a.yaml")
    (work.path / "outside.yaml").symlink_to("/etc/passwd")
    (work.path / "dangling.yaml").symlink_to("nothing")
    work.commit({"a.yaml": "1"})
    assert shown(remote(work.path).fetch().root) == {
        "a.yaml": "1",
        "inside.yaml": "-> a.yaml",
        "outside.yaml": "-> /etc/passwd",
        "dangling.yaml": "-> nothing",
    }


def test_git_attributes_change_nothing(work: Work, remote: Remote) -> None:
    """`git archive` would leave the file out, a checkout would change its line ends."""
    attributes = "a.yaml export-ignore\nb.yaml text eol=crlf ident\nc.yaml filter=lfs\n"
    files = {"a.yaml": "a\n", "b.yaml": "$Id$\n", "c.yaml": "c\n", ".gitattributes": attributes}
    work.commit(files)
    assert shown(remote(work.path).fetch().root) == files


LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 12345\n"


@pytest.mark.parametrize(
    "files", [{"a.yaml": LFS}, {"d/b.json": LFS}, {"kustomization.yaml": "x", "logo.png": LFS}]
)
def test_an_lfs_pointer_in_place_of_a_manifest(work: Work, remote: Remote, files: dict[str, str]) -> None:
    work.commit(files)
    with pytest.raises(SourceError, match="is a Git LFS pointer"):
        remote(work.path).fetch()


def test_an_lfs_pointer_that_nothing_reads_is_harmless(work: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "a", "photo.png": LFS})
    assert "a.yaml" in shown(remote(work.path).fetch().root)


@pytest.mark.parametrize("name", [b"..", b".git", b".GIT", b"."])
def test_a_forged_tree_writes_nowhere_else(work: Work, remote: Remote, name: bytes, tmp_path: Path) -> None:
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"pwned")
    tree = b"100644 pwned\0" + bytes.fromhex(blob)
    inner = work.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=tree)
    outer_tree = b"40000 " + name + b"\0" + bytes.fromhex(inner)
    outer = work.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=outer_tree)
    commit = work.git("commit-tree", outer, "-m", "forged")
    work.git("update-ref", "refs/heads/main", commit)
    with pytest.raises(SourceError, match="leads out of it"):
        remote(work.path).fetch()
    assert not list(tmp_path.rglob("pwned"))


def test_a_forged_tree_writes_through_no_link(work: Work, remote: Remote, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    link = work.git("hash-object", "-w", "--stdin", stdin=str(target).encode())
    blob = work.git("hash-object", "-w", "--stdin", stdin=b"pwned")
    inner = work.git("mktree", stdin=f"100644 blob {blob}\tpwned\n".encode())
    raw = b"120000 a\0" + bytes.fromhex(link) + b"40000 a\0" + bytes.fromhex(inner)
    outer = work.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)
    work.git("update-ref", "refs/heads/main", work.git("commit-tree", outer, "-m", "forged"))
    with pytest.raises(SourceError, match="twice"):
        remote(work.path).fetch()
    assert not list(target.iterdir())


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


def test_without_git_it_says_so(work: Work, remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    work.commit({"a.yaml": "1"})
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError, match="git isn't installed"):
        remote(work.path).fetch()


def test_an_environment_made_for_another_repository_does_no_harm(
    work: Work, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As inside of a Git hook, or of a Git alias."""
    work.commit({"a.yaml": "1"})
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    assert shown(remote(work.path).fetch().root) == {"a.yaml": "1"}


def test_a_users_hooks_are_not_run_in_the_cache(
    work: Work, remote: Remote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "hooks" / "reference-transaction"
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    hook.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"[core]\n hooksPath = {hook.parent}\n")
    work.commit({"a.yaml": "1"})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    remote(work.path).fetch()
    assert not (tmp_path / "pwned").exists()


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
        thread.join(30)
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
