"""A bare repository of ours, and a stand-in for the daemon at its door."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec, HostedSource, NodeSpec, SourceSpec
from reconciler.source.hosted import HostedRepository
from tests.listening import silence

GOOD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '%s'}\n"
BAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: [1]}\n"


def fleet_with(path: Path, **fields: str) -> Fleet:
    hosted = HostedSource(path=str(path), **fields)
    node = NodeSpec(name="pi-1", address="ssh://root@192.0.2.1")
    return Fleet(
        api_version="reconciler.io/v1",
        kind="Fleet",
        metadata=FleetMeta(name="home"),
        spec=FleetSpec(nodes=(node,), source=SourceSpec(hosted=hosted)),
    )


def open_hosted(home: Path, **fields: str) -> HostedRepository:
    fleet = fleet_with(home / "fleet.git", **fields)
    assert fleet.spec.source.hosted is not None
    return HostedRepository(fleet, fleet.spec.source.hosted, home / "cache")


class Daemon:
    """Answers /wake and /follow as the real one does; `lines` is what it tells of every commit.

    `observed` is what it has seen of the nodes, as JSON.
    """

    observed = b"[]"

    def __init__(self, door: Path, lines: list[str], hold: threading.Event | None = None) -> None:
        self.asked: list[str] = []
        self.hung_up = threading.Event()
        self._lines, self._hold = lines, hold
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(door))
        self._server.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link:
            request = link.recv(4096).decode().split("\r\n")[0]
            self.asked.append(request)
            if "/wake" in request:
                link.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")
                return
            if "/observed" in request:
                link.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + self.observed)
                return
            if "/follow/" not in request:
                link.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")
                return
            link.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            for line in self._lines:
                link.sendall(f"{line}\n".encode())
            if self._hold is not None:
                self._hold.wait(60)
                try:
                    for _ in range(500):
                        link.sendall(b"more\n" * 1000)
                        time.sleep(0.02)
                except OSError:
                    self.hung_up.set()

    def close(self) -> None:
        silence(self._server)
