"""`reconciler demo`: the whole story, as the README promises it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


def demo(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler.cli", "demo", *options]
    return subprocess.run(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def told_in_order(text: str, *words: str) -> None:
    at = 0
    for word in words:
        found = text.find(word, at)
        assert found >= 0, f"{word!r} isn't told after the words before it:\n{text}"
        at = found


STORY = (
    *("git push: v1", "plan --diff", "#1 start", "git push: v2", "remote: start"),
    *("remote: converged", "status", "history", "gone again"),
)


@pytest.mark.programs
def test_on_the_simulated_fleet_it_says_so_in_one_sentence() -> None:
    done = demo("--simulated")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("The fleet is simulated, not real nodes: ")
    told_in_order(done.stdout, *STORY)


@pytest.mark.fleet
@pytest.mark.usefixtures("lab")
def test_on_real_nodes_it_leaves_nothing() -> None:
    with TemporaryDirectory() as folder:
        done = demo(TMPDIR=folder)
        assert done.returncode == 0, done.stdout
        told_in_order(done.stdout, "Three nodes", *STORY)
        assert list(Path(folder).iterdir()) == []
        assert folder not in Path("/proc/mounts").read_text()
        commands = [shown for p in Path("/proc").glob("[0-9]*/cmdline") if folder in (shown := read(p))]
        assert commands == []


def read(path: Path) -> str:
    """Nothing of a process that ended in between."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
