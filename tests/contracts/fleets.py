"""The two kinds of fleet that the contract holds for: one in memory, one of real sshds and Engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from reconciler.engine.node import Node
from reconciler.engine.real import RealNode
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_node import RealTime
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.lab import Lab
from reconciler.lab.command import succeeds
from reconciler.manifests.inventory import load_fleet
from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec, NetworkSpec, NodeSpec
from reconciler.model.meta import Key
from reconciler.model.traffic import Counter, RoutedService

PATIENCE = 60.0


class Ground(Protocol):
    """A node and what can be done to it behind the reconciler's back. `images` by what they do."""

    images: Mapping[str, str]

    def node(self) -> Node:
        """The first node, seen by a reconciler that has just come."""

    def cut(self) -> None: ...

    def heal(self) -> None: ...

    def kill(self, pod: Key, container: str) -> None: ...

    def ask(self, service: RoutedService, times: int) -> None:
        """As many HTTP requests for a service of one port and one endpoint, from the node itself."""


class Simulated:
    def __init__(self) -> None:
        self.images = {"web": "web:v1", "absent": "web:absent"}
        spec = FleetSpec(nodes=(NodeSpec(name="pi-1", address="sim://pi-1"),))
        fleet = Fleet(
            api_version="reconciler.io/v1", kind="Fleet", metadata=FleetMeta(name="contract"), spec=spec
        )
        self._fleet = SimulatedFleet(fleet, Behaviour(missing=frozenset({"web:absent"}), stop_seconds=0.02))
        self._world = RealTime(self._fleet)
        self._asked = 0

    def node(self) -> Node:
        return self._world.node("pi-1")

    def cut(self) -> None:
        self._world.change(lambda fleet, now: fleet.lose("pi-1", now))

    def heal(self) -> None:
        self._world.change(lambda fleet, now: fleet.heal("pi-1"))

    def kill(self, pod: Key, container: str) -> None:
        self._world.change(lambda fleet, now: fleet.kill_container("pi-1", pod, container, now))

    def ask(self, service: RoutedService, times: int) -> None:
        (endpoint,) = service.ports[0].endpoints
        self._asked += times
        counted = Counter(
            service=f"{service.namespace}/{service.name}",
            namespace=service.namespace,
            pod=endpoint.name,
            requests=self._asked,
        )

        def answer(fleet: SimulatedFleet, _: float) -> None:
            fleet.answered = lambda node, now: (counted,)

        self._world.change(answer)


class Real:
    def __init__(self, lab: Lab, image: str, *, network: bool = False) -> None:
        self._lab, self._name = lab, lab.nodes[0].name
        self.images = {"web": image, "absent": image.rpartition(":")[0] + ":absent"}
        fleet = load_fleet(Path(lab.nodes_yaml))
        self._fleet = msgspec.structs.replace(
            fleet,
            metadata=msgspec.structs.replace(fleet.metadata, name="contract"),
            spec=msgspec.structs.replace(fleet.spec, network=NetworkSpec(enabled=network)),
        )
        self._made: list[RealNode] = []

    def node(self) -> Node:
        self._made.append(RealNode(self._fleet.spec.nodes[0], self._fleet))
        return self._made[-1]

    def cut(self) -> None:
        self._lab.cut(self._name)

    def heal(self) -> None:
        self._lab.heal(self._name)

    def kill(self, pod: Key, container: str) -> None:
        label = ("--filter", f"label=reconciler.io/pod={pod.name}")
        mine = ("--filter", f"label=reconciler.io/container={container}")
        self._lab.docker(self._name, "kill", self._lab.docker(self._name, "ps", "-q", *label, *mine))

    def ask(self, service: RoutedService, times: int) -> None:
        for _ in range(times):
            url = f"http://{service.ip}:{service.ports[0].port}/"
            # A HAProxy that is replaced may still take a connection, which is counted nowhere.
            command = [*self._lab.entering(self._name), "busybox", "wget", "-q", "-O", "-", url]
            until(partial(succeeds, command), f"{url} is answered")

    def close(self) -> None:
        for node in self._made:
            node.close()


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    limit = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < limit, f"not within {patience:g} s: {what}"
        time.sleep(0.01)
