"""Submodules: brought at the commit that the outer tree names, or a clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from reconciler.source.submodules import is_local, resolve
from tests.source.conftest import Work, shown

pytestmark = pytest.mark.programs

Remote = Callable[..., RemoteRepository]


def add(outer: Work, inner: Work | str, path: str, url: str = "") -> None:
    url = url or (str(inner.path) if isinstance(inner, Work) else inner)
    commit = inner.git("rev-parse", "HEAD") if isinstance(inner, Work) else "1" * 40
    with (outer.path / ".gitmodules").open("a") as file:
        file.write(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n')
    outer.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    outer.git("add", ".gitmodules")
    outer.git("commit", "--quiet", "-m", f"add {path}")


@pytest.fixture
def inner(tmp_path: Path) -> Work:
    made = Work(tmp_path / "inner")
    made.commit({"base.yaml": "b: 1\n"})
    return made


def test_its_files_are_brought(work: Work, inner: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "a"})
    add(work, inner, "base/one")
    inner.commit({"base.yaml": "newer"})
    files = shown(remote(work.path).fetch().root)
    assert (files["a.yaml"], files["base/one/base.yaml"]) == ("a", "b: 1\n")


def test_relative_urls_and_nesting(work: Work, inner: Work, remote: Remote, tmp_path: Path) -> None:
    middle = Work(tmp_path / "middle")
    middle.commit({"m.yaml": "m"})
    add(middle, inner, "deep", "../inner")
    add(work, middle, "mid", "../middle")
    files = shown(remote(work.path).fetch().root)
    assert (files["mid/m.yaml"], files["mid/deep/base.yaml"]) == ("m", "b: 1\n")


def test_a_missing_one_is_an_error_never_an_empty_folder(work: Work, remote: Remote, tmp_path: Path) -> None:
    work.commit({"a.yaml": "a"})
    source = remote(work.path)
    good = source.fetch()
    add(work, f"{tmp_path}/none", "base")
    with pytest.raises(SourceError, match="the submodule base at 1111111 can't be brought") as caught:
        source.fetch()
    assert str(tmp_path / "none") in str(caught.value)
    assert source.latest() == good


def test_one_without_a_url(work: Work, inner: Work, remote: Remote) -> None:
    add(work, inner, "base")
    work.git("rm", "--quiet", "--cached", ".gitmodules")
    work.git("commit", "--quiet", "-m", "forget it")
    with pytest.raises(SourceError, match=r"\.gitmodules doesn't say where it comes from"):
        remote(work.path).fetch()


@pytest.mark.parametrize("url", ["ext::sh -c id", "--upload-pack=id", "-x"])
def test_its_url_is_never_an_option_or_a_command(work: Work, remote: Remote, url: str) -> None:
    add(work, url, "base")
    with pytest.raises(SourceError, match="can't be a repository's URL"):
        remote(work.path).fetch()


def test_a_remote_repository_may_not_name_paths_on_this_machine() -> None:
    for url in ("/srv/secret.git", "file:///srv/secret.git"):
        with pytest.raises(SourceError, match="is a path on this machine"):
            resolve(url, "https://example.org/me/fleet.git")


@pytest.mark.parametrize(
    ("url", "outer", "expected"),
    [
        ("../base.git", "https://example.org/me/fleet.git", "https://example.org/me/base.git"),
        ("../../you/base", "ssh://git@example.org:22/me/fleet", "ssh://git@example.org:22/you/base"),
        ("../base.git", "git@example.org:me/fleet.git", "git@example.org:me/base.git"),
        ("./inside", "/srv/fleet.git", "/srv/fleet.git/inside"),
        ("https://example.org/x", "", "https://example.org/x"),
        ("git@example.org:x", "https://example.org/y", "git@example.org:x"),
    ],
)
def test_urls(url: str, outer: str, expected: str) -> None:
    assert resolve(url, outer) == expected


def test_a_relative_url_needs_something_to_be_relative_to() -> None:
    with pytest.raises(SourceError, match="is relative"):
        resolve("../x", "")
    with pytest.raises(SourceError, match="leads above"):
        resolve("../../../../x", "git@example.org:me/fleet")


def test_what_is_local() -> None:
    assert is_local("/srv/x") and is_local("x/y:z") and is_local("file:///x")
    assert not is_local("host:x") and not is_local("ssh://h/x") and not is_local("git@h:x/y")
