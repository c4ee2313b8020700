"""A client on one node: asks every pod of a fleet there, over and over, and writes down who answers what.

`python poller.py FLEET` runs on the node until its stdin ends, stdlib only. One JSON list a line: when the
round began and ended (seconds since the epoch) and pod -> the body of `/` on port 8080, or null when it
didn't answer.
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import sys
import time
from urllib.parse import quote

PAUSE_S = 0.02
ANSWER_S = 3.0
"""What refuses or has gone is known at once: this is for one that a busy machine keeps waiting."""


class Docker(http.client.HTTPConnection):
    """The node's own Docker socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect("/run/docker.sock")


def pods(docker: Docker, fleet: str) -> dict[str, str]:
    """Pods of which a container runs, and their addresses."""
    filters = quote(json.dumps({"label": [f"reconciler.io/fleet={fleet}"]}))
    docker.request("GET", f"/v1.41/containers/json?filters={filters}")
    found = {}
    for container in json.loads(docker.getresponse().read()):
        for network in container["NetworkSettings"]["Networks"].values():
            if network["IPAddress"]:
                found[container["Labels"]["reconciler.io/pod"]] = network["IPAddress"]
    return found


def ask(address: str) -> str | None:
    connection = http.client.HTTPConnection(address, 8080, timeout=ANSWER_S)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read().decode().strip() if answer.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None  # that it doesn't answer is what is written down
    finally:
        connection.close()


def main(fleet: str) -> None:
    docker = Docker("docker")
    while not select.select([sys.stdin], [], [], PAUSE_S)[0]:
        began = time.time()
        answers = {pod: ask(address) for pod, address in sorted(pods(docker, fleet).items())}
        print(json.dumps([began, time.time(), answers]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
