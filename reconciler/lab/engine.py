"""A node's Docker Engine: how it is started, whether it answers. It must not know what runs in it."""

from __future__ import annotations

import functools
import http.client
import json
import re
import socket
import time
import uuid
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab.command import run
from reconciler.lab.requirements import program
from reconciler.lab.state import LabNode, LabState

TRUST_KEY_UNTIL = 23
"""Engines before this version take their ID from /etc/docker/key.json, which all nodes would share."""


def arguments(state: LabState, node: LabNode) -> list[str]:
    """dockerd and its flags. Data lies in the lab; the socket where every machine has it."""
    flags = {
        "--data-root": node.directory / "docker",
        "--exec-root": "/run/docker",
        "--pidfile": "/run/docker.pid",
        "--host": "unix:///run/docker.sock",
        "--group": "docker",
        "--cgroup-parent": f"/reconciler-lab/{state.id}/{node.name}",
        "--exec-opt": "native.cgroupdriver=cgroupfs",
        "--insecure-registry": state.registry,
        "--config-file": node.directory / "daemon.json",
        "--log-level": "warn",
    }
    return [program_of(state, "dockerd"), *(part for flag in flags.items() for part in map(str, flag))]


def program_of(state: LabState, name: str) -> str:
    """The path of a program that goes with the lab's engine: `dockerd`, `docker`."""
    own = state.engine / "bin" / name if state.engine else None
    return str(own) if own and own.exists() else program(name)


def check(folder: Path) -> None:
    """Raises LabError when no engine can be taken from there."""
    if not any((folder / part).is_file() for part in ("bin/dockerd", "daemon.json")):
        raise LabError(
            "it has neither bin/dockerd nor daemon.json",
            where=str(folder),
            remedy="`reconciler lab engine NAME` fetches an engine and says where it is",
        )
    _settings(folder)


def _settings(folder: Path | None) -> dict[str, object]:
    file = folder / "daemon.json" if folder else None
    if file is None or not file.exists():
        return {}
    try:
        found = json.loads(file.read_bytes())
    except ValueError as error:
        raise LabError(f"not JSON: {error}", where=str(file)) from error
    if not isinstance(found, dict):
        raise LabError("expected an object of settings", where=str(file))
    return found


def configure(state: LabState, node: LabNode) -> None:
    """Give each engine an ID of its own, whatever /etc/docker of this machine holds."""
    data = node.directory / "docker"
    data.mkdir(parents=True, exist_ok=True)
    (data / "engine-id").write_text(str(uuid.uuid4()))
    settings = _settings(state.engine)
    if version(program_of(state, "dockerd")) < TRUST_KEY_UNTIL:
        settings["deprecated-key-path"] = str(node.directory / "engine-key.json")
    (node.directory / "daemon.json").write_text(json.dumps(settings))


@functools.cache
def version(dockerd: str) -> int:
    """The major version of this engine."""
    text = run([dockerd, "--version"])
    found = re.search(r"version (\d+)", text)
    if not found:
        raise LabError(f"dockerd --version says {text.strip()!r}, expected a version")
    return int(found[1])


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("docker", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def answers(node: LabNode, timeout: float = 2.0) -> bool:
    """Whether the engine says it is well."""
    connection = _SocketConnection(node.socket, timeout)
    try:
        connection.request("GET", "/_ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait(node: LabNode, timeout: float = 60.0) -> None:
    """Until it answers. Raises LabError with the end of its log."""
    until = time.monotonic() + timeout
    while not answers(node):
        if time.monotonic() > until:
            log = node.directory / "log" / "dockerd.log"
            tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
            raise LabError(
                f"its Docker Engine did not answer within {timeout:g} s\n  {tail}", where=f"node {node.name}"
            )
        time.sleep(0.02)
