"""Rollouts on the lab: manifests, a daemon that is told what to do and killed, and how a delivery stands."""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec

from reconciler.cli.inventory import inventory
from reconciler.cli.rollout_ask import Asking
from reconciler.errors import UsageError
from reconciler.lab import Lab
from reconciler.model.delivery import Verb
from reconciler.model.meta import Key
from reconciler.record.deliveries import DeliveryStatus
from tests.fleet.clone import Clone
from tests.fleet.networking import Place, service
from tests.fleet.plugin import restore
from tests.fleet.site import until

PORTS = "ports: [{name: http, port: 80, targetPort: 8080}]"
NODE_PORT = 30080
LATE_S = 40.0
SOON_S = 15.0
"""Until clients have what was decided, on a machine as busy as can be. How long it really took, a test
that promises it asks of those who were there all the time (`Witnessed.last`).
"""
APP = Key("Rollout", "default", "app")
PLACE = (
    *("phase", "stage", "step", "weight", "number", "template_hash", "stable_hash"),
    *("decisions", "runs"),
)
"""What of a delivery's status stays over a restart of the daemon, beside its sets."""


def rollout(
    image: str, strategy: str, *, replicas: int = 2, env: str = "", more: str = "", name: str = "app"
) -> str:
    """The sample program, delivered by `strategy`. `more` belongs to its spec; `env` is a list's inside."""
    return f"""
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  strategy: {strategy}
{more}
  template:
{template(image, env, name)}
"""


def template(image: str, env: str = "", name: str = "app") -> str:
    """Its pods, as a Rollout or a Deployment has them."""
    return f"""
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: app
          image: {image}
          env: [{env}]
          ports: [{{name: http, containerPort: 8080}}]
          readinessProbe: {{httpGet: {{path: /healthz, port: http}}, periodSeconds: 1}}
"""


def services(*names: str, of: str = "app", node_port: int = NODE_PORT) -> str:
    """`of` by NodePort, the others by ClusterIP; all select the same pods."""
    ports = PORTS.replace("port: 80,", f"port: 80, nodePort: {node_port},")
    text = service(of, f"type: NodePort, selector: {{app: {of}}}, {ports}")
    return text + "".join(service(name, f"selector: {{app: {of}}}, {PORTS}") for name in names)


class Course:
    """A place whose owner pushes to a repository, and whose daemon delivers `key`."""

    def __init__(self, place: Place, key: Key = APP) -> None:
        self.place, self.key = place, key
        self._asking = Asking(inventory(place.inventory), locks=place.locks)
        self._life = ExitStack()
        self._clone: Clone | None = None

    def of(self, kind: str, name: str) -> Course:
        """Another object of the same place. Only this one's daemon is started and stopped."""
        other = Course(self.place, Key(kind, "default", name))
        other._clone = self.clone
        return other

    @property
    def clone(self) -> Clone:
        """There is something to push to once a daemon has run."""
        self._clone = self._clone or Clone(self.place)
        return self._clone

    def start(self) -> None:
        self._daemon = self._life.enter_context(self.place.serve())

    def stop(self) -> None:
        self._life.close()

    def killed(self) -> None:
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait()
        self.stop()

    def again(self, *, forget: bool = False) -> None:
        """Killed outright, and started anew; with `forget` everything that it had written down is gone."""
        self.killed()
        if forget:
            shutil.rmtree(self.place.root / "state")
        self.start()

    def push(self, text: str, message: str = "change") -> str:
        """Commit it; returns once the daemon has seen it. The revision."""
        self.clone.commit(text, message)
        return self.pushed()

    def pushed(self) -> str:
        head = self.clone.head()
        self.clone.push("-q", "-o", "detach")
        until(lambda: self._knows(head), "the daemon saw the push", self.tell)
        return head

    def _knows(self, revision: str) -> bool:
        wanted = self.place.seen().wanted
        return wanted is not None and wanted.id == revision

    def settle(self, text: str) -> None:
        """Bring it there by the shortest way; nothing happens to one that is there."""
        self.push(text)
        if self.status().phase != "Healthy":
            with suppress(UsageError):  # it has gone on by itself meanwhile
                if self.status().stage == "aborted":
                    self.order("retry")
                if self.status().stage in ("stepping", "preview"):
                    self.order("promote-full")
            self.reaches("Healthy")

    def versions(self) -> tuple[str, str]:
        """What is stable, as clients see it at every node, and another one, for the next test to deliver."""

        seen: set[str] = set()

        def stable() -> bool:
            seen.clear()
            seen.update(v for node in self.place.lab.nodes for v in shares(self.url(node.name), 10))
            return len(seen) == 1

        self._soon(stable, "one version answers at every node")
        (now,) = seen
        return (now, "v2") if now == "v1" else (now, "v1")

    def serves(self, *versions: str, at: str = "", port: int = NODE_PORT, within: float = SOON_S) -> None:
        """These alone answer soon, at one node or at all; an order is answered before proxies have acted."""
        for node in [at] if at else [n.name for n in self.place.lab.nodes]:
            url = self.url(node, port)
            self._soon(lambda url=url: set(shares(url, 50)) == set(versions), f"{versions} at {node}", within)  # type: ignore[misc]

    def gives(self, version: str, weight: int) -> None:
        """At every node it gets this share soon, in percent, as well as that can be told among others."""
        for node in self.place.lab.nodes:
            url = self.url(node.name)
            self._soon(lambda url=url: near(shares(url, 400), version, weight), f"{weight} % at {node.name}")  # type: ignore[misc]

    def _soon(self, holds: Callable[[], bool], what: str, within: float = SOON_S) -> None:
        until(holds, what, self.tell, within)

    def status(self) -> DeliveryStatus:
        return self._asking.look(self.key)[0]

    def look(self) -> DeliveryStatus | None:
        """None while the daemon doesn't know yet."""
        try:
            return self.status()
        except UsageError:
            return None

    def order(self, verb: Verb) -> str:
        return self._asking.order(self.key, verb)

    def reaches(self, phase: str, *, step: int | None = None, within: float = LATE_S) -> DeliveryStatus:
        """How it stands as soon as it stands so: in the next moment it may have gone on."""
        what = f"it is {phase}" + (f" at step {step}" if step is not None else "")
        return self.stands(lambda now: now.phase == phase and step in (None, now.step), what, within)

    def is_again(self, before: DeliveryStatus) -> DeliveryStatus:
        """Where it was, with the same sets and decisions, once a new daemon has probed every pod."""

        def place(stands: DeliveryStatus) -> list[object]:
            sets = [msgspec.structs.replace(one, ready=0) for one in stands.sets]
            return [sets, *(getattr(stands, name) for name in PLACE)]

        def there(now: DeliveryStatus) -> bool:
            return place(now) == place(before) and all(one.ready == one.total for one in now.sets)

        return self.stands(there, f"it is at {place(before)}")

    def stands(
        self, so: Callable[[DeliveryStatus], bool], what: str, within: float = LATE_S
    ) -> DeliveryStatus:
        """The very status by which it stands so."""
        found: list[DeliveryStatus] = []

        def there() -> bool:
            now = self.look()
            found[:] = [now] if now is not None and so(now) else []
            return bool(found)

        until(there, what, self.tell, within)
        return found[0]

    def tell(self) -> str:
        return f"{self.look()}\n{self.place.tell()}"

    def url(self, node: str = "pi-2", port: int = NODE_PORT) -> str:
        return f"http://{self.place.lab.node(node).ip}:{port}/"


@contextmanager
def delivering(
    lab: Lab, root: Path, text: str, *, extra: str = "", doors: Sequence[str] = ()
) -> Iterator[Course]:
    """A daemon that has delivered the first version to a clean lab."""
    restore(lab)
    course = Course(Place(lab, root, extra, source="hosted", doors=doors))
    try:
        course.start()
        course.push(text)
        course.reaches("Healthy", within=90)
        until(course.place.converged, "its proxies know", course.tell)  # pods are ready before that
        yield course
    finally:
        course.stop()
        restore(lab)


def shares(
    url: str, requests: int, *, at: Sequence[str] = (), host: str = "", headers: Sequence[str] = ()
) -> Counter[str]:
    """How many of so many requests each version answered: one curl, one connection, one request each."""
    every = [*([f"Host: {host}"] if host else []), *headers]
    lines = [f'url = "{url}?[1-{requests}]"', *(f'header = "{header}"' for header in every)]
    command = [*at, "curl", "--silent", "--show-error", "--fail-early", "--config", "-"]
    done = subprocess.run(
        command, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120, check=True
    )
    return Counter(re.findall(r"^(v\d)", done.stdout, re.MULTILINE))


def near(found: Mapping[str, int], version: str, weight: int) -> bool:
    """Within four sigma: where others ask at the same time, not every share comes out whole."""
    requests = sum(found.values())
    sigma = math.sqrt(requests * weight / 100 * (1 - weight / 100))
    return abs(found.get(version, 0) - requests * weight / 100) <= 4 * sigma
