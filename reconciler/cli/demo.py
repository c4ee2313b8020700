"""`reconciler demo`: the main job, shown on a fleet that is gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from reconciler.cli.terminal import echo, styled
from reconciler.errors import LabError, NotConverged
from reconciler.model.base import Value

READY_S = 60.0
"""How long the daemon gets to open its door."""


class Stage(Value):
    """Where the demo plays: an inventory without a source, and where its images are."""

    inventory: str
    registry: str
    lab: str = ""


@click.command("demo")
@click.option("--simulated", is_flag=True, help="Use the simulated fleet even where a lab can run.")
def command(simulated: bool) -> None:
    """Start three nodes, push v1 to them, roll to v2, and clean up. Takes under a minute."""
    with TemporaryDirectory(prefix="reconciler-demo-") as name, _stage(Path(name), simulated) as stage:
        _play(Path(name), stage)
    _say("All of it is gone again")
    echo("A fleet of your own:    reconciler init my-fleet")
    echo("Real nodes to try with: reconciler lab up")
    echo("kubectl as the client comes later; until then `reconciler status` shows what runs.")


@contextmanager
def _stage(folder: Path, simulated: bool) -> Iterator[Stage]:
    """Three real nodes where this machine can run them, simulated ones otherwise."""
    from reconciler.lab import Lab, requirements, samples

    try:
        if simulated:
            raise LabError("as you asked")
        requirements.check()
    except LabError as error:
        echo(f"The fleet is simulated, not real nodes: {error.message}.")
        yield Stage(inventory=SIMULATED, registry="registry.example")
        return
    _say("Three nodes, each with an sshd and a Docker Engine of its own")
    lab = Lab.up(name=f"demo-{os.getpid()}", directory=folder / "lab")
    try:
        for version in ("v1", "v2"):
            samples.push_web(lab, version)
        echo("\n".join(f"{n.name}  {n.address}" for n in lab.nodes))
        yield Stage(inventory=lab.nodes_yaml.read_text(), registry=lab.registry, lab=lab.name)
    finally:
        lab.down()


SIMULATED = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata:
  name: demo
spec:
  nodes:
    - {name: pi-1, address: "sim://pi-1"}
    - {name: pi-2, address: "sim://pi-2"}
    - {name: pi-3, address: "sim://pi-3"}
"""

SOURCE = """\
  source:
    hosted: {path: ../fleet.git}
  serve:
    listen: 127.0.0.1:0
"""

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 6
  selector: {{matchLabels: {{app: web}}}}
  strategy:
    rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: {image}
          ports: [{{name: http, containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /healthz, port: 8080}}, periodSeconds: 2}}
"""


def _play(folder: Path, stage: Stage) -> None:
    fleet = folder / "fleet"
    environment = os.environ | {
        "RECONCILER_STATE_DIR": str(folder / "state"),
        "XDG_STATE_HOME": str(folder / "state"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    run = Runner(fleet, environment)
    _say("A fleet repository, from the template")
    run.own("init", str(fleet), "--hosted", at=folder)
    (fleet / "nodes.yaml").write_text(stage.inventory + SOURCE)
    (fleet / "apps" / "web" / "deployment.yaml").write_text(_web(stage, "v1"))
    with _daemon(run, folder):
        _say("git push: v1")
        run.git("remote", "add", "origin", str(folder / "fleet.git"))
        _push(run, "web v1")
        _say("reconciler status")
        run.own("status")
        _say("The image becomes v2: reconciler plan --diff")
        (fleet / "apps" / "web" / "deployment.yaml").write_text(_web(stage, "v2"))
        run.own("plan", ".", "--diff")
        _say("git push: v2, one pod at a time, never fewer than six")
        _push(run, "web v2")
        _say("reconciler status")
        run.own("status")
        _say("reconciler history")
        run.own("history")


def _web(stage: Stage, tag: str) -> str:
    return DEPLOYMENT.format(image=f"{stage.registry}/web:{tag}")


def _push(run: Runner, message: str) -> None:
    run.git("add", "--all")
    run.git("-c", "user.name=demo", "-c", "user.email=demo@localhost", "commit", "--quiet", "-m", message)
    run.git("push", "origin", "HEAD:main")


class Runner:
    """Runs our own verbs and git in the fleet repository, as a person would."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home, self.environment = home, environment

    def own(self, *arguments: str, at: Path | None = None) -> None:
        self._run([sys.executable, "-m", "reconciler.cli", *arguments], at or self.home)

    def git(self, *arguments: str) -> None:
        self._run(["git", *arguments], self.home)

    def _run(self, command: list[str], at: Path) -> None:
        if subprocess.run(command, cwd=at, env=self.environment, check=False).returncode:
            raise NotConverged(f"`{' '.join(command[-3:])}` failed")


@contextmanager
def _daemon(run: Runner, folder: Path) -> Iterator[None]:
    """`reconciler serve` in a process of its own; its log is shown when it doesn't come up."""
    log = folder / "serve.log"
    command = [sys.executable, "-m", "reconciler.cli", "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=run.home, env=run.environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        door = folder / "fleet.git" / "reconciler.sock"
        until = time.monotonic() + READY_S
        while not door.exists():
            if process.poll() is not None or time.monotonic() > until:
                raise NotConverged(f"the daemon didn't start:\n{log.read_text()}")
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _say(text: str) -> None:
    echo(styled(f"\n== {text}", bold=True))
