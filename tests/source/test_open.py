"""Which source is meant, by nodes.yaml and by an argument."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.errors import SourceError
from reconciler.model.fleet import (
    DirectorySource,
    Fleet,
    FleetMeta,
    FleetSpec,
    GitSource,
    HostedSource,
    NodeSpec,
    SourceSpec,
)
from reconciler.source.directory import Directory
from reconciler.source.git import RemoteRepository
from reconciler.source.hosted import HostedRepository
from reconciler.source.open import open_path, open_source
from tests.source.conftest import Work


def fleet(source: SourceSpec) -> Fleet:
    node = NodeSpec(name="pi-1", address="ssh://root@192.0.2.1")
    return Fleet(
        api_version="reconciler.io/v1",
        kind="Fleet",
        metadata=FleetMeta(name="home"),
        spec=FleetSpec(nodes=(node,), source=source),
    )


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (SourceSpec(git=GitSource(url="https://example.org/x.git")), RemoteRepository),
        (SourceSpec(directory=DirectorySource(path="/x")), Directory),
        (SourceSpec(hosted=HostedSource(path="/x.git")), HostedRepository),
    ],
)
def test_the_one_that_the_inventory_names(source: SourceSpec, kind: type, tmp_path: Path) -> None:
    assert isinstance(open_source(fleet(source), tmp_path), kind)


def test_none_or_several_are_refused(tmp_path: Path) -> None:
    two = SourceSpec(directory=DirectorySource(path="/x"), hosted=HostedSource(path="/x.git"))
    for source, found in ((SourceSpec(), "found none"), (two, "found several")):
        with pytest.raises(SourceError, match=found):
            open_source(fleet(source), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/x.git",
        "ssh://git@example.org:2222/x",
        "git@example.org:x.git",
        "example.org:x",
        "file:///srv/x.git",
        "git://example.org/x",
    ],
)
def test_urls(url: str, tmp_path: Path) -> None:
    assert isinstance(open_path(url, tmp_path), RemoteRepository)


@pytest.mark.programs
def test_a_work_tree_is_a_directory_and_its_git_folder_the_repository(work: Work, tmp_path: Path) -> None:
    work.commit({"a.yaml": "committed"})
    (work.path / "a.yaml").write_text("edited")
    tree = open_path(str(work.path), tmp_path / "cache").fetch()
    assert (tree.root / "a.yaml").read_text() == "edited"
    committed = open_path(f"{work.path}/.git", tmp_path / "cache").fetch()
    assert (committed.root / "a.yaml").read_text() == "committed"


@pytest.mark.programs
def test_a_bare_repository_by_whatever_name(work: Work, tmp_path: Path) -> None:
    work.git("checkout", "--quiet", "-b", "trunk")
    work.commit({"a.yaml": "1"}, "on trunk")
    work.git("clone", "--quiet", "--bare", str(work.path), str(tmp_path / "bare"))
    source = open_path(str(tmp_path / "bare"), tmp_path / "cache")
    assert source.fetch().revision.subject == "on trunk", "the branch that HEAD names"
    other = open_path(str(tmp_path / "bare"), tmp_path / "cache", branch="main")
    with pytest.raises(SourceError, match='the branch "main" isn\'t there; there are trunk'):
        other.fetch()


def test_a_directory_has_no_branches(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="a directory has no branches"):
        open_path(str(tmp_path), tmp_path / "cache", branch="main")


@pytest.mark.parametrize(("name", "found"), [("missing", "found nothing"), ("file.yaml", "found a file")])
def test_neither_a_directory_nor_a_repository(name: str, found: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").touch()
    with pytest.raises(SourceError, match=found):
        open_path(str(tmp_path / name), tmp_path / "cache")


@pytest.mark.parametrize("arg", ["--upload-pack=x", "ext::sh -c id", "-"])
def test_an_argument_is_never_an_option_or_a_command(arg: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        open_path(arg, tmp_path).fetch()
