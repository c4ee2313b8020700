"""Submodules: brought at the commit that the outer tree names, or a clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.source.git import RemoteRepository
from reconciler.source.submodules import check_protocol, is_local, resolve
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


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Git's own documents tell people who want submodules from their disk."""
    config = tmp_path / "gitconfig"
    config.write_text('[protocol "file"]\n\tallow = always\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))


@pytest.mark.usefixtures("local")
def test_its_files_are_brought(work: Work, inner: Work, remote: Remote) -> None:
    work.commit({"a.yaml": "a"})
    add(work, inner, "base/one")
    inner.commit({"base.yaml": "newer"})
    files = shown(remote(work.path).fetch().root)
    assert (files["a.yaml"], files["base/one/base.yaml"]) == ("a", "b: 1\n")


@pytest.mark.usefixtures("local")
def test_relative_urls_and_nesting(work: Work, inner: Work, remote: Remote, tmp_path: Path) -> None:
    middle = Work(tmp_path / "middle")
    middle.commit({"m.yaml": "m"})
    add(middle, inner, "deep", "../inner")
    add(work, middle, "mid", "../middle")
    files = shown(remote(work.path).fetch().root)
    assert (files["mid/m.yaml"], files["mid/deep/base.yaml"]) == ("m", "b: 1\n")


@pytest.mark.usefixtures("local")
def test_a_missing_one_is_an_error_never_an_empty_folder(work: Work, remote: Remote, tmp_path: Path) -> None:
    work.commit({"a.yaml": "a"})
    source = remote(work.path)
    good = source.fetch()
    add(work, f"{tmp_path}/none", "base")
    with pytest.raises(SourceError, match="the submodule base at 1111111 can't be brought") as caught:
        source.fetch()
    assert str(tmp_path / "none") in str(caught.value)
    assert source.latest() == good


@pytest.mark.usefixtures("local")
def test_a_tree_that_passes_for_a_repository_sets_nothing(
    work: Work, inner: Work, remote: Remote, tmp_path: Path
) -> None:
    """An `include` in a file `config` had Git read any file of the machine, and say where it is no config."""
    (tmp_path / "private").write_text("no config = [")
    config = f"[include]\n\tpath = {tmp_path}/private\n"
    work.commit({"HEAD": "ref: refs/heads/main\n", "objects/x": "", "refs/x": "", "config": config})
    add(work, inner, "base")
    assert shown(remote(work.path).fetch().root)["base/base.yaml"] == "b: 1\n"


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


@pytest.mark.parametrize("url", ["/srv/secret.git", "file:///srv/secret.git", "FILE:///srv/x", "secret.git"])
@pytest.mark.parametrize("outer", ["https://example.org/me/fleet.git", ""])
def test_nobody_names_paths_on_this_machine(url: str, outer: str) -> None:
    with pytest.raises(SourceError, match="is a path on this machine"):
        check_protocol(url, outer, lambda: True)


def test_a_repository_on_this_machine_names_others_there_only_if_its_user_allows_it(
    work: Work, inner: Work, remote: Remote
) -> None:
    """Who may push to one may otherwise read them all (CVE-2022-39253)."""
    work.commit({"a.yaml": "a"})
    add(work, inner, "base", "../inner")
    with pytest.raises(SourceError, match="is a path on this machine"):
        remote(work.path).fetch()


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/x", "git://example.org/x", "ftp://example.org/x", "git+ssh://h/x"]
)
def test_a_submodule_comes_by_https_and_ssh_or_as_the_outer_one_does(url: str) -> None:
    for outer in ("https://example.org/y", "", "/srv/y.git"):
        with pytest.raises(SourceError, match="may by https and ssh"):
            check_protocol(url, outer, lambda: True)
    check_protocol(url, url, lambda: False)
    for safe in ("https://example.org/x", "ssh://git@example.org/x", "git@example.org:x"):
        check_protocol(safe, "", lambda: False)


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
