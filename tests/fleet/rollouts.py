"""Rollouts on the lab: manifests, orders, and where a delivery stands."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from reconciler.cli.inventory import inventory
from reconciler.cli.rollout_ask import Asking
from reconciler.model.delivery import Verb
from reconciler.model.meta import Key
from reconciler.record.deliveries import DeliveryStatus
from tests.fleet.networking import Place, service
from tests.fleet.site import until

KEY = Key("Rollout", "default", "app")
PORTS = "ports: [{name: http, port: 80, targetPort: 8080}]"
NODE_PORT = 30080


def rollout(image: str, strategy: str, *, replicas: int = 2, env: str = "", more: str = "") -> str:
    """The sample program, delivered by `strategy`: YAML in braces' form."""
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: app}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: app}}}}
  strategy: {strategy}
{more}
  template:
    metadata: {{labels: {{app: app}}}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: app
          image: {image}
          env: [{env}]
          ports: [{{name: http, containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 1}}
"""


def services(*names: str) -> str:
    """`app` by NodePort, the others by ClusterIP; all select the same pods."""
    ports = PORTS.replace("port: 80,", f"port: 80, nodePort: {NODE_PORT},")
    text = service("app", f"type: NodePort, selector: {{app: app}}, {ports}")
    return text + "".join(service(name, f"selector: {{app: app}}, {PORTS}") for name in names)


class Course:
    """A place whose daemon delivers the Rollout `app`."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    def _asking(self) -> Asking:
        state = self.place.environment()
        import os

        os.environ["RECONCILER_STATE_DIR"] = state["RECONCILER_STATE_DIR"]
        os.environ["XDG_STATE_HOME"] = state["XDG_STATE_HOME"]
        return Asking(inventory(self.place.inventory))

    def status(self) -> DeliveryStatus:
        return self._asking.look(KEY)[0]

    def order(self, verb: Verb) -> str:
        return self._asking.order(KEY, verb)

    def push(self, text: str) -> None:
        self.place.write(text, "all.yaml")

    def reaches(self, phase: str, *, step: int | None = None, number: int = 0, within: float = 40.0) -> float:
        """Seconds until it stands so."""

        def there() -> bool:
            now = self.status()
            return now.phase == phase and now.number >= number and (step is None or now.step == step)

        return until(there, f"it is {phase} at step {step}", self.tell, within)

    def tell(self) -> str:
        return f"{self.status()}\n{self.place.tell()}"

    def url(self, node: str = "pi-2") -> str:
        return f"http://{self.place.lab.node(node).ip}:{NODE_PORT}/"


def shares(url: str, requests: int, *, at: Sequence[str] = (), host: str = "") -> Counter[str]:
    """How many of so many requests each version answered: one curl, one connection, one request each."""
    header = f'header = "Host: {host}"\n' if host else ""
    config = f'url = "{url}?[1-{requests}]"\n{header}'
    command = [*at, "curl", "--silent", "--show-error", "--fail-early", "--config", "-"]
    done = subprocess.run(command, input=config, capture_output=True, text=True, timeout=120, check=True)
    return Counter(re.findall(r"^(v\d)", done.stdout, re.MULTILINE))


def folder(root: Path) -> Path:
    return root
