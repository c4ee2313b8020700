"""Asking the reconciler that runs on this machine, if one does."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

import msgspec

from reconciler.model.base import typed
from reconciler.model.fleet import Fleet
from reconciler.record.overview import Overview

TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 1.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP through a Unix socket."""

    def __init__(self, path: Path, timeout: float = TIMEOUT_S) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(fleet: Fleet, locks: Path) -> Overview | None:
    """The running reconciler's view of the fleet; None when none answers for it.

    One that was started by another user is found through the address that nodes.yaml names.
    """
    from reconciler.record.lock import holder

    name = fleet.metadata.name
    found = holder(name, locks)
    doors: list[http.client.HTTPConnection] = []
    if found and found.unix_socket:
        doors.append(UnixConnection(Path(found.unix_socket)))
    for listen in dict.fromkeys([found.listen if found else "", fleet.spec.serve.listen]):
        if listen:
            doors.append(_tcp(listen))
    answers = (_overview(door) for door in doors)
    return next((a for a in answers if a is not None and a.fleet == name), None)


def _tcp(listen: str) -> http.client.HTTPConnection:
    host, _, port = listen.rpartition(":")
    here = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "[::]": "::1"}.get(host, host.strip("[]"))
    return http.client.HTTPConnection(here, int(port or 0), timeout=CONNECT_TIMEOUT_S)


def _overview(door: http.client.HTTPConnection) -> Overview | None:
    try:
        door.request("GET", "/status")
        answer = door.getresponse()
        body = answer.read()
        return msgspec.json.decode(body, type=typed(Overview)) if answer.status == 200 else None
    except (OSError, http.client.HTTPException, msgspec.DecodeError):
        return None  # nobody there, or another program: the next door, or the nodes themselves, will tell
    finally:
        door.close()
