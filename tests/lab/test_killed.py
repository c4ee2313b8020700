"""A lab whose `up` or `down` is killed at any line: the next `down` leaves nothing."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.lab.down import down, leftovers
from tests.fleet.plugin import require_lab

pytestmark = pytest.mark.fleet
SAMPLES = 6


def run(verb: str, directory: Path, number: int = 0) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(Path(__file__).with_name("killed.py")), verb, str(directory), str(number)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def was_killed(done: subprocess.CompletedProcess[str], number: int) -> bool:
    """Or came to its end before that line: what has to be waited for differs, and with it what is reached."""
    return done.returncode == -signal.SIGKILL or (done.returncode == 0 and int(done.stdout) < number)


def survivors(directory: Path) -> list[str]:
    """The kernel takes a dead node's network namespace, and with it the link, a moment later."""
    until = time.monotonic() + 30
    while (found := leftovers(directory)) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def count(verb: str, directory: Path) -> int:
    done = run(verb, directory)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    require_lab()
    directory = tmp_path_factory.mktemp("count") / "lab"
    return {"up": count("up", directory), "down": count("down", directory)}


@pytest.mark.parametrize("sample", range(SAMPLES))
def test_up_killed_at_any_line(tmp_path: Path, lines: dict[str, int], sample: int) -> None:
    """One line out of each sixth of the way, another each run: the failure's text says which."""
    number = random.randint(*_stretch(lines["up"], sample))
    directory = tmp_path / "lab"
    assert was_killed(run("up", directory, number), number)
    down(directory)
    assert survivors(directory) == [], f"after a kill at line {number} of {lines['up']}"
    assert not directory.exists()


@pytest.mark.parametrize("sample", range(SAMPLES))
def test_down_killed_at_any_line(tmp_path: Path, lines: dict[str, int], sample: int) -> None:
    number = random.randint(*_stretch(lines["down"], sample))
    directory = tmp_path / "lab"
    assert run("up", directory).returncode == 0
    assert was_killed(run("down", directory, number), number)
    down(directory)
    assert survivors(directory) == [], f"after a kill at line {number} of {lines['down']}"
    assert not directory.exists()


def _stretch(total: int, sample: int) -> tuple[int, int]:
    return total * sample // SAMPLES + 1, max(total * (sample + 1) // SAMPLES, 1)
