"""Pods on one real node of the lab: start them from manifests' words, look inside, and leave nothing
behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.observing.observe import ObserveCache, list_pods
from reconciler.engine.pods import network, start, stop
from reconciler.lab import Lab
from reconciler.model.action import PrepareNode, RestartContainer, StartContainers, StartPod, StopPod
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec, NodeSpec
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, PodRecord, PodState
from reconciler.model.pod import PodSpec

FLEET = "podtest"
POD_CIDR = "10.42.7.0/24"
WAIT = "trap 'exit 0' TERM; sleep 1000 & wait"


def record(name: str, spec: dict[str, Any], **more: Any) -> PodRecord:
    fields = {
        "namespace": "default",
        "owner": Key("Deployment", "default", "web"),
        "template_hash": "abc123",
        "revision": "r1",
        "node": "",
        "ip": "10.42.7.20",
        **more,
    }
    return PodRecord(name=name, spec=msgspec.convert(spec, PodSpec), **fields)


def config_map(name: str, data: dict[str, str], **more: Any) -> ConfigMap:
    metadata = {"name": name, "namespace": "default"}
    return msgspec.convert(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data, **more}, ConfigMap
    )


def secret(name: str, data: dict[str, str], **more: Any) -> Secret:
    metadata = {"name": name, "namespace": "default"}
    return msgspec.convert(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data, **more}, Secret
    )


class OnNode:
    """One fleet on one node of the lab."""

    def __init__(self, lab: Lab, node: str) -> None:
        self.lab, self.node = lab, node
        fleet = msgspec.yaml.decode(lab.nodes_yaml.read_bytes(), type=Fleet)
        here = next(n for n in fleet.spec.nodes if n.name == node)
        filled = {
            k: getattr(here, k) or getattr(fleet.spec.defaults, k)
            for k in ("identity_file", "known_hosts_file")
        }
        self.spec: NodeSpec = msgspec.structs.replace(here, **filled)
        self.fleet = Fleet(
            api_version="reconciler.io/v1",
            kind="Fleet",
            metadata=FleetMeta(name=FLEET),
            spec=FleetSpec(nodes=(self.spec,)),
        )
        self.engine: Engine = connect(self.spec)
        self.cache = ObserveCache()
        self.image = f"{lab.registry}/web:v1"

    def prepare(self, pod_cidr: str = POD_CIDR) -> None:
        network.prepare(self.engine, self.fleet, PrepareNode(pod_cidr=pod_cidr, **self._why()))

    def reconnect(self) -> None:
        self.engine.close()
        self.engine = connect(self.spec)

    def start(self, pod: PodRecord, contents: Iterable[ConfigMap | Secret] = ()) -> None:
        named = {c.key: c for c in contents}
        start.start_pod(self.engine, FLEET, StartPod(record=pod, **self._about(pod)), named)

    def start_containers(self, pod: PodRecord, *names: str) -> None:
        start.start_containers(self.engine, FLEET, StartContainers(containers=names, **self._about(pod)))

    def restart(self, pod: PodRecord, name: str, grace: float = 1.0) -> None:
        action = RestartContainer(container=name, grace=grace, **self._about(pod))
        start.restart_container(self.engine, FLEET, action)

    def stop(self, pod: PodRecord, grace: float = 0.0) -> None:
        stop.stop_pod(self.engine, FLEET, StopPod(grace=grace, **self._about(pod)))

    @contextmanager
    def running(self, pod: PodRecord, contents: Iterable[ConfigMap | Secret] = ()) -> Iterator[PodState]:
        """Started, with all containers that can run at once; stopped at the end."""
        try:
            self.start(pod, contents)
            yield self.state(pod)
        finally:
            self.stop(pod)

    def pods(self) -> tuple[PodState, ...]:
        return list_pods(self.engine, FLEET, self.cache)

    def state(self, pod: PodRecord) -> PodState:
        return next(p for p in self.pods() if p.record.name == pod.name)

    def container(self, pod: PodRecord, name: str) -> ContainerState:
        return next(c for c in self.state(pod).containers if c.name == name)

    def until(self, holds: Callable[[], bool], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds} s: {self.pods()}"
            time.sleep(0.03)

    def sh(self, pod: PodRecord, script: str, container: str = "app") -> str:
        """What a shell in the container writes, without the last line's end."""
        _, output = self.engine.exec(self.container(pod, container).id, ("sh", "-c", script), 15)
        return output.decode().rstrip("\n")

    def inspect(self, pod: PodRecord, container: str = "app") -> dict[str, Any]:
        found: dict[str, Any] = self.engine.call(
            "GET", f"/containers/{self.container(pod, container).id}/json"
        )
        return found

    def docker(self, *words: str) -> str:
        return self.lab.docker(self.node, *words)

    def leftovers(self) -> list[str]:
        """Containers and volumes of the fleet."""
        mine = ("--filter", f"label=reconciler.io/fleet={FLEET}")
        return [*self.docker("ps", "-aq", *mine).split(), *self.docker("volume", "ls", "-q", *mine).split()]

    def clean(self) -> None:
        mine = ("--filter", f"label=reconciler.io/fleet={FLEET}")
        for listing, removing in (
            (("ps", "-aq", *mine), ("rm", "-fv")),
            (("volume", "ls", "-q", *mine), ("volume", "rm", "-f")),
            (("network", "ls", "-q", *mine), ("network", "rm")),
        ):
            if found := self.docker(*listing).split():
                self.docker(*removing, *found)

    def _why(self) -> dict[str, Any]:
        return {"node": self.node, "because": "of a test", "owner": None}

    def _about(self, pod: PodRecord) -> dict[str, Any]:
        return {**self._why(), "namespace": pod.namespace, "pod": pod.name}


def app(node: OnNode, script: str = WAIT, name: str = "app", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": node.image, "command": ["sh", "-c", script], **more}


def pod(node: OnNode, name: str, *containers: dict[str, Any], **spec: Any) -> PodRecord:
    return record(name, {"containers": list(containers) or [app(node)], **spec}, node=node.node)
