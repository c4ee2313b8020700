"""A fleet repository uses this repository as a pre-commit hook, with the real pre-commit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.manifests.build import deployment

ROOT = Path(__file__).parents[2]
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")
INSTALL_SECONDS = 280
"""pre-commit makes a virtual environment of its own and installs this package into it."""


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


@pytest.mark.fleet
@pytest.mark.skipif(not PRE_COMMIT.exists(), reason="pre-commit isn't installed")
@pytest.mark.timeout(600)
def test_a_bad_commit_is_refused_and_a_good_one_passes(tmp_path: Path, hook: Path) -> None:
    fleet = tmp_path / "fleet"
    fleet.mkdir()
    git(fleet, "init", "-q")
    (fleet / "web.yaml").write_text(deployment(spec="replicas: three"))
    git(fleet, "add", "-A")

    def tried() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PRE_COMMIT, "try-repo", "--ref", "HEAD", "--all-files", str(hook), "reconciler-validate"],
            cwd=fleet,
            env={**os.environ, "PRE_COMMIT_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )  # fmt: skip

    bad = tried()
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert 'web.yaml:8 spec.replicas: expected an integer, found "three"' in bad.stdout
    (fleet / "web.yaml").write_text(deployment())
    git(fleet, "add", "-A")
    good = tried()
    assert good.returncode == 0, good.stdout + good.stderr
