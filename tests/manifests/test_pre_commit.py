"""A fleet repository uses this repository as a pre-commit hook, with the real pre-commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.manifests.build import deployment

ROOT = Path(__file__).parents[2]
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")
HOOK = "reconciler-validate"
OFFLINE = {
    "PYTHONPATH": sysconfig.get_path("purelib"),
    "PIP_NO_BUILD_ISOLATION": "0",  # which switches it off: pip reads "no" as the option's value
    "PIP_NO_INDEX": "1",
    "PIP_NO_COMPILE": "1",
}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
def hook(tmp_path: Path) -> Path:
    """This working tree as a repository of its own: what is committed here, and what isn't yet."""
    copy = tmp_path / "hook"
    ignored = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "tests", "build")
    shutil.copytree(ROOT, copy, ignore=ignored, symlinks=True)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", copy)
    git(copy, "init", "-q")
    git(copy, "add", "-A")
    git(copy, "commit", "-q", "-m", "hook")
    return copy


def test_the_hook_names_a_command_that_exists() -> None:
    (entry,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert entry["entry"] == "reconciler validate"
    assert entry["pass_filenames"] is False


@pytest.mark.programs
@pytest.mark.skipif(not PRE_COMMIT.exists(), reason="pre-commit isn't installed")
def test_a_bad_commit_is_refused_and_a_good_one_passes(tmp_path: Path, hook: Path) -> None:
    """pre-commit makes its own environment and installs this package into it, as for any user.

    Only the libraries are those that are here already: pip finds them on PYTHONPATH and fetches nothing.
    What is installed here in editable form isn't found that way, so `reconciler` is the hook's own.
    """
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    git(fleet, "init", "-q")
    config = {"repo": str(hook), "rev": git(hook, "rev-parse", "HEAD").strip(), "hooks": [{"id": HOOK}]}
    (fleet / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [config]}))
    home = tmp_path / "home"

    def tried() -> subprocess.CompletedProcess[str]:
        git(fleet, "add", "-A")
        return subprocess.run(
            [PRE_COMMIT, "run", "--all-files"],
            cwd=fleet,
            env={**os.environ, **OFFLINE, "PRE_COMMIT_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )  # fmt: skip

    (fleet / "web.yaml").write_text(deployment(spec="replicas: three"))
    bad = tried()
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert 'web.yaml:8 spec.replicas: expected an integer, found "three"' in bad.stdout
    assert list(home.glob("repo*/py_env-*/lib/python3*/site-packages/reconciler/cli")), "the hook's own"
    (fleet / "web.yaml").write_text(deployment())
    good = tried()
    assert good.returncode == 0, good.stdout + good.stderr
