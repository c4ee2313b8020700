"""`reconciler serve` as a program, on the simulated fleet: its log, its doors, its end."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.programs

FLEET = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: served}
spec:
  source: {directory: {path: apps}}
  serve:
    listen: 127.0.0.1:0
    webhook: {secretFile: secret}
  nodes:
    - {name: pi-1, address: "sim://pi-1"}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  containers: [{name: app, image: "web:v1"}]
"""


class Daemon:
    """One that runs in `root`, and how to talk to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "apps").mkdir()
        (root / "nodes.yaml").write_text(FLEET)
        (root / "secret").write_text("between us\n")
        (root / "secret").chmod(0o600)
        (root / "apps" / "one.yaml").write_text(POD)
        state = str(root / "state")
        (root / "bin").mkdir()
        path = f"{root / 'bin'}:{os.environ['PATH']}"
        self.env = os.environ | {"RECONCILER_STATE_DIR": state, "XDG_STATE_HOME": state, "PATH": path}
        self.log = root / "log"
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "reconciler.cli", "serve", "--log-format", "json"]
            self.process = subprocess.Popen(command, cwd=root, env=self.env, stdout=log, stderr=log)

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 120.0
        while not holds():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def lines(self) -> list[dict[str, str]]:
        """Whole ones: the last may be on its way."""
        return [json.loads(line) for line in self.log.read_text().split("\n")[:-1]]

    def address(self) -> str:
        """From the lock's file, as `reconciler status` finds it."""
        (lock,) = (self.root / "state").glob("**/locks/*")
        return str(json.loads(lock.read_text() or "{}").get("listen", ""))

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        host, _, port = self.address().rpartition(":")
        door = http.client.HTTPConnection(host, int(port), timeout=30)
        door.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = door.getresponse()
        return answer.status, answer.read().decode()

    def converged(self) -> bool:
        return any("converged" in line["message"] for line in self.lines())


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path)
    try:
        made.until(made.converged)
        yield made
    finally:
        made.process.kill()
        made.process.wait()


def test_its_log_is_json_and_its_doors_answer(daemon: Daemon) -> None:
    assert all({"time", "level", "message"} <= line.keys() for line in daemon.lines())
    assert daemon.ask("GET", "/healthz")[0] == 200
    # Its metrics tell of a pass a moment after its log does.
    daemon.until(lambda: "reconciler_converged 1.0" in daemon.ask("GET", "/metrics")[1])
    assert json.loads(daemon.ask("GET", "/status")[1])["standing"] == "converged"


def test_a_signed_webhook_wakes_it_and_an_unsigned_one_does_not(daemon: Daemon) -> None:
    good = hmac.new(b"between us", b"{}", hashlib.sha256).hexdigest()
    assert daemon.ask("POST", "/webhook", b"{}", X_Hub_Signature_256=f"sha256={good}")[0] in (200, 202)
    assert daemon.ask("POST", "/webhook", b"{}", X_Hub_Signature_256="sha256=00")[0] == 401


def test_an_edit_is_taken_up_although_the_state_file_was_deleted(daemon: Daemon) -> None:
    for file in (daemon.root / "state").glob("served/state.db*"):
        file.unlink()
    (daemon.root / "apps" / "one.yaml").write_text(POD.replace("web:v1", "web:v2"))
    daemon.until(lambda: json.loads(daemon.ask("GET", "/status")[1])["standing"] == "converged")
    daemon.until(lambda: any("replaced" in line["message"] for line in daemon.lines()))
    assert daemon.process.poll() is None


def test_orders_are_taken_at_the_private_door_only(daemon: Daemon) -> None:
    body = b'{"about": ["Rollout", "default", "web"], "verb": "abort"}'
    status, told = daemon.ask("POST", "/orders", body)
    assert (status, "Unix socket only" in told) == (403, True)
    command = [sys.executable, "-m", "reconciler.cli", "rollout", "abort", "web"]
    given = subprocess.run(
        command, cwd=daemon.root, env=daemon.env, capture_output=True, text=True, check=False
    )
    assert given.returncode == 1
    assert "nothing of that name is delivered step by step; nor is anything else" in given.stderr
    assert daemon.process.poll() is None


def test_sigterm_ends_it_at_once_and_cleanly(daemon: Daemon) -> None:
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(60) == 0
    assert not list((daemon.root / "state").glob("**/reconciler.sock"))


def test_a_rendering_that_hangs_holds_up_neither_the_loop_nor_the_end(daemon: Daemon) -> None:
    """The fleet is looked after as before meanwhile; what was started for it goes with us."""
    program, pid = daemon.root / "bin" / "kustomize", daemon.root / "pid"
    program.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 1000\n")
    program.chmod(0o755)
    (daemon.root / "apps" / "site").mkdir()
    (daemon.root / "apps" / "site" / "kustomization.yaml").write_text("resources: []\n")
    daemon.until(lambda: pid.exists() and pid.read_text() != "")
    before = passes(daemon)
    daemon.until(lambda: passes(daemon) > before)
    daemon.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert daemon.process.wait(60) == 0
    assert time.monotonic() - began < 20, "the renderer's own limit is 60 s"
    daemon.until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def passes(daemon: Daemon) -> float:
    """How many there have been."""
    metrics = daemon.ask("GET", "/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in metrics if line.startswith("reconciler_passes_total"))


def test_a_webhooks_secret_that_others_may_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("between us\n")
    (tmp_path / "secret").chmod(0o644)
    (tmp_path / "nodes.yaml").write_text(FLEET)
    (tmp_path / "apps").mkdir()
    env = os.environ | {
        "RECONCILER_STATE_DIR": str(tmp_path / "state"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    command = [sys.executable, "-m", "reconciler.cli", "serve"]
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "secret: others may read it (0644), and call the webhook with it" in done.stderr
    assert f"chmod 600 {tmp_path / 'secret'}" in done.stderr


def test_its_state_and_its_copies_of_the_source_are_ours_alone(daemon: Daemon) -> None:
    state = daemon.root / "state" / "served"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (state, state / "source")] == [0o700, 0o700]
