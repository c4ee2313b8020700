"""The lab's image registry, at the gateway's address, storing in the lab's directory."""

from __future__ import annotations

import http.client
import json
import time
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab import process
from reconciler.lab.network import REGISTRY_PORT
from reconciler.lab.requirements import program
from reconciler.lab.state import LabState

ROLE = "registry"


def start(state: LabState) -> None:
    """The configuration is JSON, which is YAML."""
    home = state.directory / "registry"
    home.mkdir(exist_ok=True)
    path = home / "config.yml"
    path.write_text(json.dumps(_config(state, home / "data"), indent=2))
    process.spawn(
        [program("docker-registry"), "serve", str(path)], state.directory, ROLE, home / "registry.log"
    )


def _config(state: LabState, data: Path) -> dict[str, object]:
    return {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True}},
        "http": {"addr": f"{state.gateway}:{REGISTRY_PORT}"},
    }


def answers(state: LabState, timeout: float = 2.0) -> bool:
    connection = http.client.HTTPConnection(state.gateway, REGISTRY_PORT, timeout=timeout)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait(state: LabState, timeout: float = 15.0) -> None:
    until = time.monotonic() + timeout
    while not answers(state):
        if time.monotonic() > until:
            raise LabError(
                f"its registry at {state.registry} did not answer in {timeout:g} s", where=f"lab {state.name}"
            )
        time.sleep(0.02)
