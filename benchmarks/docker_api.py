"""The raw limit: Docker's API on a node's own socket, without SSH, as fast as a client can be."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from reconciler.lab import Lab


class Raw(http.client.HTTPConnection):
    """One keep-alive connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("docker", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        payload = json.dumps(body) if body is not None else None
        self.request(method, f"/v1.41{path}", payload, {"Content-Type": "application/json"})
        answer = self.getresponse()
        data = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {data[:200]!r}")
        return json.loads(data) if data else None


def run_containers(lab: Lab, image: str, per_node: int, networks: dict[str, str]) -> None:
    """Create and start `per_node` containers on every node, all nodes and two connections each at once."""

    def some(index: int, node: str, path: Path, half: int) -> None:
        raw = Raw(path)
        for number in range(half, per_node, 2):
            body = {
                "Image": image,
                "Labels": {"bench": "raw"},
                "HostConfig": {"RestartPolicy": {"Name": "always"}, "NetworkMode": networks[node]},
            }
            made = raw.call("POST", f"/containers/create?name=raw-{index}-{number}", body)
            raw.call("POST", f"/containers/{made['Id']}/start")
        raw.close()

    with ThreadPoolExecutor(2 * len(lab.nodes)) as pool:
        runs = [
            pool.submit(some, i, n.name, n.socket, half) for i, n in enumerate(lab.nodes) for half in (0, 1)
        ]
        for each in runs:
            each.result()


def running(lab: Lab, label: str) -> int:
    """How many containers with this label run, on all nodes."""
    eye = Eye(lab, label)
    found = eye.running()
    eye.close()
    return found


class Eye:
    """Counts running containers over connections that stay open: looking must not be what takes the time."""

    def __init__(self, lab: Lab, label: str) -> None:
        filters = json.dumps({"label": [label], "status": ["running"]}).replace(" ", "")
        self._path = f"/containers/json?filters={filters}"
        self._nodes = [Raw(node.socket) for node in lab.nodes]

    def running(self) -> int:
        return sum(len(raw.call("GET", self._path)) for raw in self._nodes)

    def close(self) -> None:
        for raw in self._nodes:
            raw.close()


def clear(lab: Lab) -> None:
    """Remove every container, also where somebody else is removing some. Networks and images stay."""

    def one(path: Path) -> None:
        raw = Raw(path)
        while found := raw.call("GET", "/containers/json?all=1"):
            for container in found:
                with contextlib.suppress(RuntimeError):  # gone, or going: looked at again
                    raw.call("DELETE", f"/containers/{container['Id']}?force=1&v=1")
        raw.close()

    with ThreadPoolExecutor(len(lab.nodes)) as pool:
        list(pool.map(one, [n.socket for n in lab.nodes]))
