"""Docker Swarm on the same lab: the peer that is closest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import docker_api
from benchmarks.measure import timed, wait_for
from reconciler.lab import Lab


@contextmanager
def swarm(lab: Lab) -> Iterator[Swarm]:
    """All of the lab's nodes in one Swarm; left again afterwards."""
    first, *others = lab.nodes
    lab.docker(first.name, "swarm", "init", "--advertise-addr", first.ip, "--listen-addr", first.ip)
    try:
        token = lab.docker(first.name, "swarm", "join-token", "-q", "worker").strip()
        for node in others:
            lab.docker(
                node.name, "swarm", "join", "--token", token, "--advertise-addr", node.ip, f"{first.ip}:2377"
            )
        yield Swarm(lab, first.name)
    finally:
        for node in reversed(lab.nodes):
            lab.docker(node.name, "swarm", "leave", "--force")


class Swarm:
    """Services without published ports: the routing mesh needs IPVS, which a kernel may lack."""

    def __init__(self, lab: Lab, manager: str) -> None:
        self._lab, self._manager = lab, manager

    def create(self, image: str, replicas: int, *more: str) -> float:
        """Seconds until all of it runs."""
        command = ["service", "create", "--detach", "--name", "web", "--replicas", str(replicas)]
        return timed(lambda: self._until(replicas, [*command, *more, image]))

    def update(self, image: str, *more: str) -> float:
        """Seconds until the update is complete, as `docker service update` itself waits."""
        command = ["service", "update", "--quiet", *more, "--image", image, "web"]
        return timed(lambda: self._lab.docker(self._manager, *command))

    def running(self) -> int:
        return docker_api.running(self._lab, "com.docker.swarm.service.name=web")

    def remove(self) -> None:
        self._lab.docker(self._manager, "service", "rm", "web")
        wait_for(lambda: docker_api.running(self._lab, "com.docker.swarm.service.name=web") == 0)
        docker_api.clear(self._lab)

    def _until(self, replicas: int, command: list[str]) -> None:
        self._lab.docker(self._manager, *command)
        wait_for(lambda: self.running() >= replicas)
