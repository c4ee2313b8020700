"""Law 4 on real nodes: killed at any effect, the next reconciler converges; no orphan, no double."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from reconciler.lab import Lab
from tests.fleet.plugin import empty
from tests.fleet.site import Site, until

pytestmark = [pytest.mark.fleet, pytest.mark.timeout(900)]  # each of them rolls a fleet dozens of times

MODES = ("sent", "answered")
SEVERAL = """
apiVersion: v1
kind: ConfigMap
metadata: {{name: words}}
data: {{hello: {word}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      initContainers:
        - name: first
          image: {image}
          command: [sh, -c, "cat /words/hello > /scratch/hello"]
          volumeMounts: [{{name: words, mountPath: /words}}, {{name: scratch, mountPath: /scratch}}]
      containers:
        - name: web
          image: {image}
          readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}
          volumeMounts: [{{name: scratch, mountPath: /scratch}}]
        - {{name: beside, image: {image}, env: [{{name: PORT, value: "8081"}}]}}
      volumes: [{{name: words, configMap: {{name: words}}}}, {{name: scratch, emptyDir: {{}}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: plain}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: plain}}}}
  template:
    metadata: {{labels: {{app: plain}}}}
    spec: {{terminationGracePeriodSeconds: 1, containers: [{{name: web, image: {image}}}]}}
"""
CANARY = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  strategy: {{canary: {{steps: [{{setWeight: 50}}, {{pause: {{duration: 100ms}}}}]}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {{name: web, image: {image}, readinessProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1}}}}
"""


@dataclass
class Killer:
    """Talks to killed.py."""

    process: subprocess.Popen[str]
    place: Path

    def run(self, number: int, mode: str = "sent") -> tuple[int, int]:
        """Exit status of an `apply` killed at its N-th effect, and how many effects it had."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{number} {mode}\n")
        self.process.stdin.flush()
        status, effects = self.process.stdout.readline().split()
        return int(status), int(effects)

    def finish(self) -> None:
        """One that is let live must converge."""
        status, _ = self.run(0)
        assert status == 0, (self.place / "output").read_text()


def of_two_nodes(lab: Lab, root: Path) -> Site:
    """One more for no pod would be connected to dozens of times, and have nothing to show."""
    site = Site(lab, root)
    text = msgspec.yaml.decode(site.inventory.read_bytes())
    del text["spec"]["nodes"][2:]
    site.inventory.write_bytes(msgspec.yaml.encode(text))
    return site


@contextmanager
def killer(site: Site) -> Iterator[Killer]:
    program = Path(__file__).with_name("killed.py")
    process = subprocess.Popen(
        [sys.executable, str(program), str(site.root)],
        cwd=site.root,
        env=site.environment() | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Killer(process, site.root)
    finally:
        process.kill()
        process.wait()


def contents(site: Site) -> list[tuple[str, ...]]:
    """Every container and volume of every node, whoever's it is: hash, container, state; volume's end."""
    found: list[tuple[str, ...]] = []
    for node in site.lab.nodes:
        row = '{{.Label "reconciler.io/template-hash"}} {{.Label "reconciler.io/container"}} {{.State}}'
        listed = site.lab.docker(node.name, "ps", "--all", "--no-trunc", "--format", row)
        found += [("container", *line.split(" ")) for line in listed.splitlines()]
        volumes = site.lab.docker(node.name, "volume", "ls", "--format", "{{.Name}}")
        found += [("volume", *name.split("_")[:2], *name.split("_")[3:]) for name in volumes.split()]
    return sorted(found)


def becomes(site: Site, wanted: list[tuple[str, ...]], when: str) -> None:
    """An Engine may still be at what the dead one had sent it, such as a removal. What stays is wrong."""
    until(lambda: contents(site) == wanted, when, lambda: f"{contents(site)}\ninstead of\n{wanted}")


def test_killed_at_every_effect_of_a_deploy_it_converges_without_orphan_or_double(
    clean_lab: Lab, tmp_path: Path
) -> None:
    site = of_two_nodes(clean_lab, tmp_path)
    site.write(SEVERAL.format(image=site.image("v1"), word="one"))
    with killer(site) as run:
        run.finish()
        wanted = contents(site)
        for number in range(1, 200):
            wipe(site)
            mode = MODES[number % 2]
            status, effects = run.run(number, mode)
            if status == 0:
                break
            assert (status, effects >= number) == (-9, True), (tmp_path / "output").read_text()
            run.finish()
            becomes(site, wanted, f"after a kill at effect {number} ({mode})")
        assert number > 10, "so few effects can't have made these pods"


def test_killed_at_every_effect_of_a_rolling_update_it_converges_without_orphan_or_double(
    clean_lab: Lab, tmp_path: Path
) -> None:
    """To and fro between two versions: each is the other's update.

    The calls of a deploy come first here, too, each killed in the other mode than there.
    """
    site = of_two_nodes(clean_lab, tmp_path)
    texts = [SEVERAL.format(image=site.image(v), word=v) for v in ("v1", "v2")]
    with killer(site) as run:
        wanted = []
        for text in texts:
            site.write(text)
            run.finish()
            wanted.append(contents(site))
        for number in range(1, 400):
            site.write(texts[number % 2 - 1])
            mode = MODES[(number + 1) % 2]
            status, effects = run.run(number, mode)
            if status == 0:
                break
            assert (status, effects >= number) == (-9, True), (tmp_path / "output").read_text()
            run.finish()
            becomes(site, wanted[number % 2 - 1], f"after a kill at effect {number} ({mode})")
        assert number > 15, "so few effects can't have rolled these pods"


def test_killed_at_every_effect_of_a_canary_it_goes_on_without_orphan_or_double(
    clean_lab: Lab, tmp_path: Path
) -> None:
    """To and fro between two versions, step by step."""
    site = of_two_nodes(clean_lab, tmp_path)
    texts = [CANARY.format(image=site.image(v)) for v in ("v1", "v2")]
    with killer(site) as run:
        wanted = []
        for text in texts:
            site.write(text)
            run.finish()
            wanted.append(contents(site))
        for number in range(1, 200):
            site.write(texts[number % 2 - 1])
            mode = MODES[number % 2]
            status, effects = run.run(number, mode)
            if status == 0:
                break
            assert (status, effects >= number) == (-9, True), (tmp_path / "output").read_text()
            run.finish()
            becomes(site, wanted[number % 2 - 1], f"after a kill at effect {number} ({mode})")
        assert number > 6, "so few effects can't have delivered these pods"


def wipe(site: Site) -> None:
    """No pod, no volume, no pod network, nothing remembered."""
    empty(site.lab)
    for file in (site.root / "state" / site.fleet).glob("state.db*"):
        file.unlink()
