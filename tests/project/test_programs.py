"""A test that starts a program says so, and skips where that isn't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import subprocess, sys
import pytest

def start():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_unmarked():
    start()

@pytest.mark.programs
def test_marked():
    start()

@pytest.mark.programs("no-such-program", "git")
def test_with_others():
    start()
"""


@pytest.mark.programs
@pytest.mark.parametrize(
    ("required", "counts"),
    [("", "1 failed, 1 passed, 1 skipped"), ("required", "1 failed, 1 passed, 1 error")],
)
def test_only_marked_tests_start_programs(tmp_path: Path, required: str, counts: str) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = programs\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    options = ["-p", "no:cacheprovider", "-p", "tests.fleet.plugin", "-p", "tests.programs", "-rs"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "test_it.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "RECONCILER_LAB": required},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert counts in done.stdout.splitlines()[-1], done.stdout
    assert "mark it `programs`" in done.stdout
    assert "not on this machine: no-such-program" in done.stdout
