"""A person's working place on the lab: an inventory, a folder of manifests, the reconciler as a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.cli.ask import ask
from reconciler.cli.inventory import inventory
from reconciler.lab import Lab
from reconciler.record.overview import Overview

PATIENCE_S = 30.0
SILENT_S = 90.0
"""For a node that falls silent to be missed, and for one that is back to be found: by themselves these take
up to 20 s, since silence is listened to for a while and tries become rare.
"""
END_S = 60.0
"""For a daemon that is told to end: what has begun has 15 s for that, and its doors 10 s after that."""

_ROW = "\t".join(
    ["{{.ID}}", "{{.Names}}", "{{.Image}}", "{{.State}}"]
    + [f'{{{{.Label "reconciler.io/{label}"}}}}' for label in ("pod", "template-hash")]
)


@dataclass(frozen=True)
class Pod:
    """A container of ours as the Engine lists it."""

    node: str
    id: str
    name: str
    image: str
    state: str
    pod: str
    hash: str


@dataclass
class Site:
    """`fleet` names the fleet; state, cache and lock live below `root`.

    Most tests are about pods alone and go without `network`: no node container, no Services.
    """

    lab: Lab
    root: Path
    fleet: str = "test"
    source: str = "directory"
    extra: str = ""
    network: bool = False
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.apps.mkdir(parents=True, exist_ok=True)
        text = self.lab.nodes_yaml.read_text().replace(f"name: {self.lab.name}\n", f"name: {self.fleet}\n", 1)
        sources = {
            "directory": f"  source:\n    directory: {{path: {self.apps}}}\n",
            "hosted": f"  source:\n    hosted: {{path: {self.bare}}}\n",
        }
        listen = "  serve: {listen: '127.0.0.1:0'}\n"
        network = "" if self.network else "  network: {enabled: false}\n"
        self.inventory.write_text(text + sources[self.source] + listen + network + self.extra)

    @property
    def apps(self) -> Path:
        return self.root / "apps"

    @property
    def bare(self) -> Path:
        return self.root / "fleet.git"

    @property
    def inventory(self) -> Path:
        return self.root / "nodes.yaml"

    @property
    def locks(self) -> Path:
        return self.root / "state" / "reconciler" / "locks"

    def image(self, tag: str) -> str:
        return f"{self.lab.registry}/web:{tag}"

    def write(self, text: str, name: str = "web.yaml") -> None:
        """Put a manifest in its place at once, as an editor does."""
        hidden = self.apps / f".{name}.new"
        hidden.write_text(text)
        hidden.rename(self.apps / name)

    def environment(self) -> dict[str, str]:
        state = {"RECONCILER_STATE_DIR": str(self.root / "state"), "XDG_STATE_HOME": str(self.root / "state")}
        return os.environ | state | {"GIT_CONFIG_GLOBAL": os.devnull} | self.env

    def run(
        self, *arguments: str, check: bool = True, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "reconciler.cli", *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(),
            text=True,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def apply(self, *more: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("apply", "--timeout", "40s", *more, check=check)

    @contextmanager
    def serve(self) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon, from its first pass on; ended with SIGTERM, which must work."""
        log = (self.root / "serve.log").open("ab")
        daemon = subprocess.Popen(
            [sys.executable, "-m", "reconciler.cli", "serve"],
            cwd=self.root,
            env=self.environment(),
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: daemon.poll() is not None or self.ask() is not None, "it answers", self.log, 90)
            assert daemon.poll() is None, f"the daemon has ended\n{self.log()}"
            yield daemon
        finally:
            daemon.send_signal(signal.SIGTERM)
            try:
                until(lambda: daemon.poll() is not None, "the daemon has ended", self.log, END_S)
                assert daemon.returncode in (0, -signal.SIGKILL), self.log()
            finally:
                daemon.kill()
                daemon.wait()
                log.close()

    def log(self) -> str:
        return (self.root / "serve.log").read_text()

    def status(self) -> dict[str, Any]:
        done = self.run("status", "-o", "json", check=False)
        found: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {"running": False}
        return found

    def ask(self) -> Overview | None:
        """What the running daemon says, if one runs, without the cost of a program each time."""
        return ask(inventory(self.inventory), self.locks)

    def seen(self) -> Overview:
        """What the running daemon says."""
        found = self.ask()
        assert found is not None, f"no daemon answers\n{self.log()}"
        return found

    def converged(self, revision: str = "") -> bool:
        """By the daemon's word; `revision` is a whole commit, or any."""
        seen = self.seen()
        known = seen.wanted is not None and revision in ("", seen.wanted.id)
        return known and seen.standing == "converged"

    def pods(self, *nodes: str, everything: bool = False) -> list[Pod]:
        """Our containers on these nodes, or on all that are on; only running ones unless `everything`.

        The lab asks the engines directly: whatever is wrong with a node's link.
        """
        found: list[Pod] = []
        for name in nodes or [n.name for n in self.lab.nodes if self.lab.is_running(n.name)]:
            text = self.lab.docker(
                name,
                *("ps", "--all", "--no-trunc", "--filter", f"label=reconciler.io/fleet={self.fleet}"),
                *("--filter", "label=reconciler.io/pod"),
                *("--format", _ROW),
            )
            found += [Pod(name, *line.split("\t")) for line in text.splitlines()]
        return [p for p in found if everything or p.state == "running"]

    def images(self) -> list[str]:
        """The tags that run, sorted."""
        return sorted(p.image.rsplit(":", 1)[-1] for p in self.pods())


def until(
    holds: Callable[[], bool], what: str, tell: Callable[[], object] = str, within: float = PATIENCE_S
) -> float:
    """Wait for it, at most `within` seconds; returns how long it took.

    Looking takes a third of the time at most: the machine is there for what is waited for, and for others.
    """
    began = looked = time.monotonic()
    while not holds():
        now = time.monotonic()
        if now - began > within:
            raise AssertionError(f"not within {within:.0f} s: {what}\n{tell()}")
        time.sleep(max(0.05, min(2 * (now - looked), 1.0)))
        looked = time.monotonic()
    return time.monotonic() - began


def web(image: str, *, replicas: int = 3, name: str = "web", more: str = "", container: str = "") -> str:
    """A Deployment of the sample web server, readiness by HTTP."""
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
{more}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - name: web
          image: {image}
          ports: [{{containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /healthz, port: 8080}}, periodSeconds: 1}}
{container}
"""
