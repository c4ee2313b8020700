"""A fleet with Services on the lab: manifests, where its clients stand, and who answers them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from reconciler.lab import Lab
from tests.fleet.plugin import restore
from tests.fleet.site import Site, until


def app(image: str, *, name: str = "app", replicas: int = 3, more: str = "", pod: str = "") -> str:
    """A Deployment of the sample program; `more` belongs to its spec, `pod` to its pods'."""
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
      terminationGracePeriodSeconds: 5
{pod}
      containers:
        - name: app
          image: {image}
          ports:
            - {{name: http, containerPort: 8080}}
            - {{name: echo, containerPort: 9000}}
            - {{name: udp, containerPort: 9001, protocol: UDP}}
          readinessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 1}}
"""


def service(name: str, spec: str, *, more: str = "") -> str:
    """`spec` is YAML in braces' form, without the braces."""
    return f"""
---
apiVersion: v1
kind: Service
metadata: {{name: {name}{more}}}
spec: {{{spec}}}
"""


ALL_PORTS = (
    "ports: ["
    "{name: http, port: 80, targetPort: http}, "
    "{name: echo, port: 9000, targetPort: echo}, "
    "{name: udp, port: 9001, targetPort: udp, protocol: UDP}]"
)


class Place(Site):
    """A site whose fleet has a network. `doors` are the nodes that serve Ingresses; none: all."""

    def __init__(
        self, lab: Lab, root: Path, extra: str = "", source: str = "directory", doors: Sequence[str] = ()
    ) -> None:
        super().__init__(lab, root, source=source, extra=extra, network=True)
        self._ips: dict[str, str] = {}
        text = self.inventory.read_text()
        for name in doors:
            line = f"- name: {name}\n"
            text = text.replace(line, f'{line}      labels: {{reconciler.io/ingress: "true"}}\n')
        self.inventory.write_text(text)

    def release(self, text: str, within: float = 60.0) -> None:
        """Put it in the source's folder and wait until the daemon says that it converged."""
        until(lambda: self.seen().wanted is not None, "the daemon knows what is wanted", self.tell)
        before = self.seen().wanted
        assert before is not None
        self.write(text, "all.yaml")
        until(lambda: self._on_it(before.id), "the daemon saw the change", self.tell, 15)
        until(self.converged, "it converged", self.tell, within)

    def nothing_to_do(self, *source: str) -> None:
        """A plan is soon empty: while the machine is busy, a probe that times out is something to tell."""

        def empty() -> bool:
            return self.run("plan", "--detailed-exitcode", *source, check=False).returncode == 0

        until(empty, "nothing is left to do", lambda: f"{self.run('plan', *source).stdout}\n{self.tell()}")

    def _on_it(self, before: str) -> bool:
        wanted = self.seen().wanted
        return wanted is not None and wanted.id != before

    def tell(self) -> str:
        return f"{self.log()[-4000:]}\n{self.run('status', check=False).stdout}"

    def ip(self, name: str) -> str:
        """A service's cluster IP, which never changes; while no daemon runs, as it was last seen."""
        until(lambda: name in self._ips or bool(self._look()), f"{name} has an address", self.tell)
        return self._ips[name]

    def _look(self) -> None:
        self._ips |= {s.name: s.ip for s in self.seen().services if s.ip}

    def pods_by_node(self) -> Mapping[str, list[str]]:
        """Node -> the Docker names of the running containers of pods on it."""
        found: dict[str, list[str]] = {n.name: [] for n in self.lab.nodes}
        for pod in self.pods():
            if pod.pod:
                found[pod.node].append(pod.name)
        return found

    def pod_ips(self) -> Mapping[str, str]:
        return {p.name: p.ip for p in self.seen().pods}

    def inside(self, node: str) -> Sequence[str]:
        """The words that make a command run in a pod on `node`."""
        return self.lab.entering_container(node, self.pods_by_node()[node][0])


@contextmanager
def serving(lab: Lab, root: Path, text: str, extra: str = "", doors: Sequence[str] = ()) -> Iterator[Place]:
    """A daemon that has brought `text` to a clean lab."""
    restore(lab)
    place = Place(lab, root, extra, doors=doors)
    place.write(text, "all.yaml")
    try:
        with place.serve():
            until(place.converged, "it converged", place.tell, 90)
            yield place
    finally:
        restore(lab)


@contextmanager
def settled(lab: Lab, root: Path, text: str, extra: str = "", doors: Sequence[str] = ()) -> Iterator[Place]:
    """A clean lab that `text` was brought to. No daemon runs."""
    restore(lab)
    place = Place(lab, root, extra, doors=doors)
    place.write(text, "all.yaml")
    try:
        with place.serve():
            until(place.converged, "it converged", place.tell, 90)
            place.ip("app")
        yield place
    finally:
        restore(lab)


def get(url: str, *, at: Sequence[str] = (), more: Sequence[str] = ()) -> str:
    """What curl gets, or the empty text."""
    command = [*at, "curl", "--silent", "--max-time", "3", *more, url]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout
