"""`reconciler demo`: the whole story, as the README promises it."""

from __future__ import annotations

import subprocess
import sys

import pytest


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reconciler.cli", "demo", *options]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
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


def test_on_the_simulated_fleet_it_says_so_in_one_sentence() -> None:
    done = demo("--simulated")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("The fleet is simulated, not real nodes: ")
    told_in_order(done.stdout, *STORY)


@pytest.mark.fleet
@pytest.mark.usefixtures("lab")
def test_on_real_nodes_it_leaves_nothing() -> None:
    done = demo()
    assert done.returncode == 0, done.stdout
    told_in_order(done.stdout, "Three nodes", *STORY)
    links = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    assert len([line for line in links.splitlines() if line.startswith("rlab")]) == 1, "only this test run's"
