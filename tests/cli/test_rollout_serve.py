"""Verbs against `reconciler serve` as a program: a canary on the simulated fleet, from commit to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.build import canary, rollout

pytestmark = pytest.mark.programs

FLEET = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: canary}
spec:
  source: {directory: {path: apps}}
  serve: {listen: "127.0.0.1:0"}
  nodes:
    - {name: pi-1, address: "sim://pi-1"}
    - {name: pi-2, address: "sim://pi-2"}
"""


class Served:
    """A daemon that may be killed and begun again, and the verbs beside it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "apps").mkdir()
        (root / "nodes.yaml").write_text(FLEET)
        state = str(root / "state")
        self.env = os.environ | {"RECONCILER_STATE_DIR": state, "XDG_STATE_HOME": state}
        self.write("web:v1")
        self.process = self.begin()

    def write(self, image: str) -> None:
        text = rollout(canary("{setWeight: 50}, {pause: {}}"), spec="replicas: 2", image=image)
        (self.root / "apps" / "web.yaml").write_text(text)

    def begin(self) -> subprocess.Popen[bytes]:
        with (self.root / "log").open("ab") as log:
            command = [sys.executable, "-m", "reconciler.cli", "serve"]
            return subprocess.Popen(command, cwd=self.root, env=self.env, stdout=log, stderr=log)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def say(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reconciler.cli", *words]
        return subprocess.run(
            command, cwd=self.root, env=self.env, capture_output=True, text=True, check=False, timeout=200
        )

    def seen(self) -> dict[str, Any]:
        said = self.say("rollout", "status", "web", "-o", "json")
        return json.loads(said.stdout) if said.returncode == 0 else {}

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + 120.0
        while not holds(found := self.seen()):
            assert time.monotonic() < end, (found, (self.root / "log").read_text()[-3000:])
            time.sleep(0.1)
        return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    try:
        made.until(lambda web: web.get("phase") == "Healthy")
        yield made
    finally:
        made.end()


def shares(web: dict[str, Any]) -> dict[str, int]:
    """How many pods of each set are ready."""
    return {one["roles"][0]: one["ready"] for one in web.get("sets", [])}


def events(of: str) -> list[str]:
    return [line.split()[2] for line in of.partition("events:\n")[2].splitlines()]


def test_a_canary_from_its_commit_to_its_promotion(served: Served) -> None:
    served.write("web:v2")
    served.until(lambda w: w.get("phase") == "Paused")
    # Of the stable ones one may still have to go.
    web = served.until(lambda w: shares(w) == {"canary": 1, "stable": 1})
    assert (web["phase"], web["step"], web["number"]) == ("Paused", 1, 2)
    assert web["holds"][0]["reason"] == "step"
    promoted = served.say("rollout", "promote", "web", "--watch", "--timeout", "150s")
    assert promoted.returncode == 0, promoted.stderr
    assert promoted.stdout.splitlines()[-1] == "Rollout default/web: Healthy"
    again = served.say("rollout", "promote", "web")
    assert (again.returncode, "promoted already" in again.stderr) == (1, True)
    history = served.say("history", "web")
    assert history.returncode == 0, history.stderr
    told = history.stdout
    assert f"@{os.uname().nodename} said promote of version 2" in told
    found = events(told)
    assert found[0] == "RolloutCompleted"
    for reason in ("RolloutUpdated", "RolloutStepCompleted", "RolloutPaused", "RolloutPromoted"):
        assert reason in found


def test_an_abort_survives_the_reconciler_and_a_retry_goes_on(served: Served) -> None:
    served.write("web:v2")
    served.until(lambda w: w.get("phase") == "Paused")
    aborted = served.say("rollout", "abort", "web", "--watch", "--timeout", "150s")
    assert aborted.returncode == 0, aborted.stderr
    assert "Degraded" in aborted.stdout
    served.end()
    unheard = served.say("rollout", "retry", "web")
    assert unheard.returncode == 0, unheard.stderr
    assert "it takes effect with the next `reconciler apply`" in unheard.stdout
    served.process = served.begin()
    web = served.until(lambda w: w.get("phase") == "Paused")
    assert [d["verb"] for d in web["decisions"]] == ["abort", "retry"]
    overview = served.say("status").stdout
    assert "step 2/2 pause until promoted" in overview
