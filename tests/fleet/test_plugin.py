"""Where no lab can run, its tests skip and say why; in CI that is a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.skipif(sys.platform != "linux", reason="the sentence is another one there")
def test_a_lab_that_cannot_run_is_skipped_loudly() -> None:
    done = run()
    assert done.returncode == 0
    assert "no lab here: a lab needs root" in done.stdout
    assert "1 skipped" in done.stdout.splitlines()[-1]


def test_in_ci_a_skip_is_a_failure() -> None:
    done = run(RECONCILER_LAB="required")
    assert done.returncode == 1
    assert "must not skip here: " in done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]
