"""`reconciler lab` on the command line, from up to down, as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from reconciler.lab import down
from tests.fleet.plugin import require_lab
from tests.fleet.site import until

pytestmark = pytest.mark.fleet


def lab(place: Path, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "from reconciler.cli import main; main()"
    argv = [sys.executable, "-c", program, "lab", verb, "--name", "mine", "--dir", str(place), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    require_lab()
    directory = tmp_path_factory.mktemp("cli") / "lab"
    try:
        done = lab(directory, "up", "--nodes", "2", "--prefix", "edge")
        assert done.returncode == 0, done.stderr
        assert "edge-2  ssh://root@" in done.stdout
        assert f"inventory   {directory}/nodes.yaml" in done.stdout
        yield directory
    finally:
        down.down(directory)


def test_status_for_people_and_for_programs(place: Path) -> None:
    lines = lab(place, "status").stdout.splitlines()
    assert lines[0].split() == ["NODE", "ADDRESS", "POWER", "LINK", "ENGINE"]
    assert lines[1].split()[2:] == ["on", "up", "ready"]
    found = json.loads(lab(place, "status", "-o", "json").stdout)
    assert found["name"] == "mine"
    assert [node["name"] for node in found["nodes"]] == ["edge-1", "edge-2"]


def test_exec_passes_output_and_exit_code(place: Path) -> None:
    done = lab(place, "exec", "edge-2", "--", "sh", "-c", "hostname; exit 4")
    assert (done.stdout, done.returncode) == ("edge-2\n", 4)


def test_cut_heal_kill_start(place: Path) -> None:
    assert lab(place, "cut", "edge-1").returncode == 0
    assert " cut " in lab(place, "status").stdout
    assert lab(place, "heal", "edge-1").returncode == 0
    assert lab(place, "kill", "edge-1").returncode == 0
    refused = lab(place, "cut", "edge-1")
    assert refused.returncode == 1
    assert refused.stderr == "error: node edge-1: it is off\n  reconciler lab start edge-1\n"
    assert lab(place, "start", "edge-1").returncode == 0
    assert lab(place, "status").stdout.count("ready") == 2


def test_an_image_out_of_a_directory(place: Path, tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("hello")
    done = lab(
        place,
        "images",
        str(tmp_path),
        "--image",
        "web:v1",
        "--cmd",
        "exec httpd -f -p $PORT -h /www",
        "--env",
        "PORT=81",
    )
    assert done.returncode == 0, done.stderr
    reference = done.stdout.strip()
    started = lab(place, "exec", "edge-2", "--", "docker", "run", "-d", "-p", "80:81", reference)
    assert started.returncode == 0, started.stderr
    ip = (
        json.loads(lab(place, "status", "-o", "json").stdout)["nodes"][1]["address"]
        .split("@")[1]
        .split(":")[0]
    )
    until(lambda: page(f"http://{ip}/") == b"hello", "the program in it serves")


def page(url: str) -> bytes:
    """Nothing while nobody listens."""
    try:
        with urlopen(url, timeout=5) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_down_twice(place: Path) -> None:
    assert lab(place, "down").stdout == "lab mine is gone\n"
    assert lab(place, "down").stdout == "there is no lab mine\n"
    assert not place.exists()
