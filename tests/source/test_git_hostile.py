"""What a repository, a URL or a branch's name may try: nothing of it is obeyed or written elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from tests.source.conftest import Work, shown

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


def test_a_folder_that_links_out_of_the_repository(work: Work, remote: Remote) -> None:
    (work.path / "apps").symlink_to("/etc")
    work.commit({})
    with pytest.raises(SourceError, match="leads out"):
        remote(work.path, path="apps").fetch()


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


def test_credentials_in_a_url_are_never_shown(remote: Remote) -> None:
    source = remote("http://ada:hunter2@127.0.0.1:1/x.git")
    with pytest.raises(SourceError) as caught:
        source.fetch()
    assert "hunter2" not in str(caught.value) + repr(source)
    assert "can't be reached" in str(caught.value)


def test_no_part_of_a_password_is_shown_that_holds_the_sign_after_it(remote: Remote) -> None:
    """It should be written as %40 there, and git says so in its way."""
    source = remote("http://ada:hun@ter2@127.0.0.1:1/x.git")
    with pytest.raises(SourceError) as caught:
        source.fetch()
    assert "ter2" not in str(caught.value) + repr(source)


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
