"""Where no lab can run, its tests skip and say why; in CI that is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.lab import Lab
from reconciler.lab import node as machine
from tests.fleet.plugin import restore
from tests.fleet.site import until

ROOT = Path(__file__).parents[2]
WITHOUT_ROOT = """
import os, sys, pytest
os.geteuid = lambda: 1000
sys.exit(pytest.main(["-p", "no:cacheprovider", "-rs", "tests/lab/test_lab.py", "-k", "ids_of_engines"]))
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    env = {**{k: v for k, v in os.environ.items() if k != "RECONCILER_LAB"}, **environment}
    argv = [sys.executable, "-c", WITHOUT_ROOT]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.programs
@pytest.mark.skipif(sys.platform != "linux", reason="the sentence is another one there")
def test_a_lab_that_cannot_run_is_skipped_loudly() -> None:
    done = run()
    assert done.returncode == 0
    assert "no lab here: a lab needs root" in done.stdout
    assert "1 skipped" in done.stdout.splitlines()[-1]


@pytest.mark.programs
def test_in_ci_a_skip_is_a_failure() -> None:
    done = run(RECONCILER_LAB="required")
    assert done.returncode == 1
    assert "must not skip here: " in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


@pytest.mark.fleet
def test_what_a_test_did_is_undone(lab: Lab) -> None:
    one, two, three = (node.name for node in lab.nodes)
    lab.docker(one, "network", "create", "mine")
    lab.docker(one, "volume", "create", "mine")
    lab.docker(one, "run", "-d", "--network", "mine", "-v", "mine:/x", f"{lab.registry}/sleeper:v1")
    lab.stop_engine(one)
    lab.cut(two)
    lab.exec(two, ["sh", "-c", "kill $(cat /run/sshd.pid)"])
    lab.kill(three)
    lab.stop_registry()
    restore(lab)
    until(lambda: all_well(lab), "all nodes are on, linked, and answer", lab.status)
    listings = [("ps", "-aq"), ("volume", "ls", "-q"), ("network", "ls", "-q", "-f", "type=custom")]
    assert [lab.docker(one, *listing) for listing in listings] == ["", "", ""]
    lab.docker(one, "pull", "-q", f"{lab.registry}/web:v1")
    alive = ["sh", "-c", "kill -0 $(cat /run/sshd.pid)"]
    until(lambda: lab.exec(two, alive, check=False).returncode == 0, "sshd runs again")


def all_well(lab: Lab) -> bool:
    return [(node.power, node.link, node.engine) for node in lab.status()] == [("on", "up", "ready")] * 3


@pytest.mark.fleet
def test_undoing_nothing_is_quick(clean_lab: Lab) -> None:
    """No node and no engine is started again."""
    before = lives(clean_lab)
    restore(clean_lab)
    assert lives(clean_lab) == before


def lives(lab: Lab) -> list[tuple[int | None, str]]:
    """Each node's first process, and its engine's."""
    return [
        (machine.first_process(lab.state, node), lab.exec(node.name, ["cat", "/run/docker.pid"]).stdout)
        for node in lab.nodes
    ]
