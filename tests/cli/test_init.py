"""`reconciler init`: the repository that it makes is valid, and nothing is overwritten."""

from __future__ import annotations

import glob
import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reconciler.cli.init import SCHEMAS, TEMPLATE, command
from reconciler.errors import UsageError
from reconciler.manifests.inventory import load_fleet
from reconciler.manifests.load import load_tree
from reconciler.source.directory import Directory

pytestmark = pytest.mark.programs


@pytest.fixture(autouse=True)
def own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ada")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ada@example.org")
    monkeypatch.chdir(tmp_path)


def init(*args: str) -> Result:
    return CliRunner().invoke(command, list(args), catch_exceptions=False)


def git(where: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", str(where), *args], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("args", "kind"),
    [
        ((), "hosted"),
        (("--hosted",), "hosted"),
        (("--git", 'https://example.org/a "b".git'), "git"),
        (("--directory",), "directory"),
    ],
)
def test_what_it_makes_is_valid(tmp_path: Path, args: tuple[str, ...], kind: str) -> None:
    said = init("My Fleet", *args).output
    where = tmp_path / "My Fleet"
    fleet = load_fleet(where / "nodes.yaml")
    assert fleet.metadata.name == "my-fleet"
    assert [k for k in ("git", "hosted", "directory") if getattr(fleet.spec.source, k)] == [kind]
    loaded = load_tree(where, fleet=fleet)
    assert not loaded.findings and loaded.objects
    assert "The fleet my-fleet is in" in said and "reconciler nodes trust" in said
    assert git(where, "symbolic-ref", "--short", "HEAD") == "main"


def test_its_sources_are_what_was_asked_for(tmp_path: Path) -> None:
    init("one", "--git", "git@example.org:me/fleet.git", "--name", "home")
    spec = load_fleet(tmp_path / "one" / "nodes.yaml").spec.source
    assert spec.git is not None and spec.git.url == "git@example.org:me/fleet.git"
    init("two")
    spec = load_fleet(tmp_path / "two" / "nodes.yaml").spec.source
    assert spec.hosted is not None and Path(spec.hosted.path).resolve() == tmp_path / "two.git"
    init("three", "--directory")
    spec = load_fleet(tmp_path / "three" / "nodes.yaml").spec.source
    assert spec.directory is not None
    brought = Directory(Path(spec.directory.path), tmp_path / "cache").fetch()
    assert (brought.root / "apps" / "web" / "deployment.yaml").is_file()


def test_editors_find_the_schemas(tmp_path: Path) -> None:
    init("fleet")
    wired = json.loads((tmp_path / "fleet/.vscode/settings.json").read_text())["yaml.schemas"]
    assert len(wired) > 1
    for schema in wired:
        json.loads((tmp_path / "fleet" / schema).read_text())


def test_here_and_with_the_first_commit(tmp_path: Path) -> None:
    init("--commit", "--name", "home")
    assert git(tmp_path, "log", "--format=%an %s") == "Ada A fleet repository from the template"
    assert git(tmp_path, "status", "--porcelain") == ""


def test_in_an_existing_repository_only_its_own_files_are_committed(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "staged").touch()
    git(tmp_path, "add", "staged")
    init("fleet", "--commit")
    assert not (tmp_path / "fleet" / ".git").exists()
    assert git(tmp_path, "status", "--porcelain") == "A  staged"


def test_without_a_commit_nothing_is_committed(tmp_path: Path) -> None:
    said = init("fleet").output
    assert "git commit" in said
    assert git(tmp_path / "fleet", "rev-list", "--all") == ""


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text("mine")
    (tmp_path / "other").write_text("mine")
    with pytest.raises(UsageError, match=r"is there already: nodes\.yaml"):
        init()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nodes.yaml", "other"]


@pytest.mark.parametrize(
    "args", [("--hosted", "--directory"), ("--git", "x", "--directory"), ("--name", "No!")]
)
def test_wrong_usage(args: tuple[str, ...], tmp_path: Path) -> None:
    assert init(*args).exit_code == 2
    assert not list(tmp_path.iterdir())


def test_the_package_holds_every_file_of_the_template_and_the_schemas() -> None:
    """pyproject.toml's patterns, as setuptools reads them: `*` matches no hidden name."""
    top = Path(__file__).parents[2]
    patterns = tomllib.loads((top / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    package = top / "reconciler"
    packed: set[str] = set()
    for pattern in patterns["reconciler"]:
        packed |= set(glob.glob(pattern, root_dir=package, recursive=True))  # noqa: PTH207  # Path.glob takes hidden names
    for folder, name in ((TEMPLATE, "template"), (SCHEMAS, "schemas")):
        wanted = {f"{name}/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file()}
        assert wanted and wanted <= packed


def test_template_and_schemas_are_those_of_the_top_level() -> None:
    top = Path(__file__).parents[2]
    assert TEMPLATE.resolve() == top / "repo-template"
    assert SCHEMAS.resolve() == top / "schemas"


def test_the_next_steps_can_be_pasted() -> None:
    assert "cd 'My Fleet'\n" in init("My Fleet").output
