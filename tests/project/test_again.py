"""`.ci/again.py`: what CI calls flaky, what it calls failed, and what it doesn't run a second time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

SCRIPT = Path(__file__).parents[2] / ".ci" / "again.py"

FIRST_TIME = """
import os, pathlib, pytest
def first_time(name):
    count = pathlib.Path(__file__).with_name(name)
    count.open("a").write("x")
    return count.stat().st_size == 1
"""


def run(folder: Path, tests: str, *words: str) -> tuple[int, str]:
    """The exit code, and what is in the file for flaky ones."""
    (folder / "test_it.py").write_text(FIRST_TIME + tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    flaky = folder / "flaky"
    argv = [sys.executable, str(SCRIPT), str(flaky), "-q", *words]
    ended = subprocess.run(argv, cwd=folder, capture_output=True, timeout=120, check=False)
    return ended.returncode, flaky.read_text() if flaky.exists() else ""


def test_all_well(tmp_path: Path) -> None:
    assert run(tmp_path, "def test_well(): pass") == (0, "")


def test_what_fails_once_is_named_with_its_first_failure(tmp_path: Path) -> None:
    tests = """
@pytest.mark.parametrize("case", ["a b", "c"])
def test_race(case): assert not first_time(case), "lost the race"
@pytest.fixture
def node(): assert not first_time("node")
def test_with_node(node): pass
"""
    code, flaky = run(tmp_path, tests, "-n", "2")
    named = [line for line in flaky.splitlines() if line.startswith("flaky: ")]
    races = ("race[a b]", "race[c]", "with_node")
    assert sorted(named) == [f"flaky: test_it.py::test_{name}" for name in races]
    assert code == 0 and "AssertionError: lost the race" in flaky


def test_a_worker_that_dies_once_is_flaky_too(tmp_path: Path) -> None:
    code, flaky = run(tmp_path, "def test_dies():\n    if first_time('d'): os._exit(9)", "-n", "2")
    assert code == 0 and flaky.startswith("flaky: test_it.py::test_dies\n") and "crashed" in flaky


def test_what_fails_again_has_failed_whatever_else_was_a_race(tmp_path: Path) -> None:
    code, flaky = run(tmp_path, "def test_bad(): assert 0\ndef test_race(): assert not first_time('r')")
    assert (code, flaky.splitlines()[0]) == (1, "flaky: test_it.py::test_race")
    assert "test_bad" not in flaky


@pytest.mark.parametrize(
    ("tests", "code"),
    [
        ("@pytest.mark.parametrize('n', range(9))\ndef test_bad(n): assert not first_time(str(n))", 1),
        ("assert not first_time('collected')", 2),
        ("", 5),
    ],
    ids=["too many", "a file that can't be read", "no tests"],
)
def test_what_isnt_luck_is_run_once(tmp_path: Path, tests: str, code: int) -> None:
    assert run(tmp_path, tests) == (code, "")
    assert {count.stat().st_size for count in tmp_path.iterdir() if len(count.name) == 1} <= {1}
