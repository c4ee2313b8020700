"""How soon a change of a service's pods is in force on all nodes: a pod comes, one dies, a version is pushed.

python -m benchmarks.endpoints [--runs 5] [--json benchmarks/results/endpoints.json]

On a lab of three nodes with a hosted repository and a running daemon; under two minutes. Each node's HAProxy
is asked through its own socket every few milliseconds.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from benchmarks.measure import Row, keep, table, wait_for
from benchmarks.node_container import NodeContainer
from reconciler.lab import Lab, samples
from tests.fleet.clone import Clone
from tests.fleet.networking import Place, app, service
from tests.fleet.plugin import restore
from tests.fleet.say import addresses
from tests.fleet.site import until

REPLICAS = 6
BACKEND = "default_app_80.http"
HEADLESS = "pods.default.svc.cluster.local"
SERVICES = service(
    "app", "type: NodePort, selector: {app: app}, ports: [{port: 80, targetPort: http, nodePort: 30080}]"
) + service("pods", "clusterIP: None, selector: {app: app}, ports: [{port: 80, targetPort: http}]")


class Fleet:
    """A served fleet whose owner pushes."""

    def __init__(self, place: Place) -> None:
        self.place, self.lab = place, place.lab
        self.nodes = [NodeContainer(self.lab, node, place.fleet) for node in self.lab.nodes]
        self.clone = Clone(place)

    def push(self, version: str, replicas: int = REPLICAS) -> float:
        """Returns when the push began, in seconds since the epoch."""
        image = f"{self.lab.registry}/app:{version}"
        self.clone.commit(app(image, replicas=replicas) + SERVICES)
        began = time.time()
        self.clone.push("-q", "-o", "detach")
        return began

    def settle(self) -> None:
        head = self.clone.head()
        until(lambda: self.place.converged(head), "it converged", self.place.tell, 60)
        time.sleep(1.0)

    def everywhere(self, holds: Callable[[set[str]], bool]) -> float:
        """When it first holds for the rotation of every node: seconds since the epoch."""
        left = list(self.nodes)

        def reached() -> bool:
            left[:] = [node for node in left if not holds(node.rotation(BACKEND))]
            return not left

        wait_for(reached, within=30.0)
        return time.time()

    def decided(self, since: float) -> float:
        """When the daemon knew of the pod that is ready: its log's word, in seconds since the epoch."""
        for line in self.place.log().splitlines():
            if re.search(r" publish .*: \+app-", line):
                at = datetime.fromisoformat(line.split(" ", 1)[0].replace("Z", "+00:00")).timestamp()
                if at >= since:
                    return at
        raise RuntimeError("the daemon's log says nothing of the new endpoint")


@contextmanager
def fleet(lab: Lab, root: Path) -> Iterator[Fleet]:
    restore(lab)
    place = Place(lab, root, source="hosted")
    with place.serve():
        made = Fleet(place)
        made.push("v1")
        made.settle()
        yield made


def comes(of: Fleet, runs: int) -> list[Row]:
    """One pod more: from the daemon's knowing that it is ready until it is in rotation, and in DNS."""
    rotation, names, whole = [], [], []
    inside = of.place.inside(of.lab.nodes[-1].name)
    for _ in range(runs):
        began = of.push("v1", REPLICAS + 1)
        at = of.everywhere(lambda found: len(found) == REPLICAS + 1)
        wait_for(lambda: len(addresses(HEADLESS, at=inside)) == REPLICAS + 1)
        named = time.time()
        ready = of.decided(began)
        rotation.append(1000 * (at - ready))
        names.append(1000 * (named - ready))
        whole.append(at - began)
        of.settle()
        of.push("v1")
        of.settle()
    return [
        Row("pod ready to in rotation on all nodes", "ms", rotation),
        Row("pod ready to its address in DNS (headless)", "ms", names),
        Row("git push of one replica more to in rotation", "s", whole),
    ]


def dies(of: Fleet, runs: int) -> Row:
    """From `docker kill` until no node's HAProxy gives it connections. Another pod each time."""
    took = []
    ips = of.place.pod_ips()
    for name in sorted(ips)[: min(runs, REPLICAS)]:
        pod = next(p for p in of.place.pods() if p.pod.rsplit("/", 1)[-1] == name)
        began = time.time()
        of.lab.docker(pod.node, "kill", pod.id)
        took.append(1000 * (of.everywhere(lambda found, ip=ips[name]: ip not in found) - began))  # type: ignore[misc]
        time.sleep(2.0)
        of.settle()
    return Row("container killed to out of rotation on all nodes", "ms", took)


def pushed(of: Fleet, runs: int) -> Row:
    """From `git push` until a client in the LAN first reads the new version through the service."""
    took = []
    url = f"http://{of.lab.nodes[0].ip}:30080/"
    for number in range(runs):
        version = ("v2", "v1")[number % 2]
        began = of.push(version)
        wait_for(lambda version=version: _answer(url).startswith(version), within=30.0)  # type: ignore[misc]
        took.append(time.time() - began)
        of.settle()
    return Row("git push to the new version's first answer", "s", took)


def _answer(url: str) -> str:
    with urlopen(url, timeout=2) as answer:
        return str(answer.read().decode())


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--json", type=Path, default=Path("benchmarks/results/endpoints.json"))
    given = options.parse_args()
    lab = Lab.up(name=f"bench-{os.getpid()}")
    try:
        lab.pull(*samples.push_apps(lab).values())
        with TemporaryDirectory() as root, fleet(lab, Path(root)) as served:
            rows = [*comes(served, given.runs), pushed(served, given.runs), dies(served, given.runs)]
    finally:
        lab.down()
    print(table(rows))
    keep(rows, given.json)


if __name__ == "__main__":
    main()
