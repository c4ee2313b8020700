"""`validate` knows how large the nodes are when a reconciler that runs here has seen them."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from socket import AF_UNIX, socket

import msgspec
import pytest
from click.testing import CliRunner

from reconciler import wiring
from reconciler.cli.ask import SOON_S, capacity_behind
from reconciler.cli.validate import command
from reconciler.model.observed import NodeFacts, NodeState
from reconciler.record.lock import FleetLock
from tests.listening import silence
from tests.manifests.build import deployment

FLEET = """\
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: home}
spec:
  source: {directory: {path: .}}
  nodes:
    - {name: pi-1, address: "ssh://root@192.0.2.1"}
"""
SEEN = NodeState(name="pi-1", reachable=True, facts=NodeFacts(cpu_milli=4000, memory=8 * 2**30))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An inventory of one node and a Deployment that wants 16 GiB."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "nodes.yaml").write_text(FLEET)
    (tmp_path / "web.yaml").write_text(deployment(container="resources: {requests: {memory: 16Gi}}"))
    yield tmp_path
    gc.enable()


class Door:
    """A daemon's private door that answers every request with the same bytes, or never."""

    def __init__(self, path: Path, body: bytes | None) -> None:
        self._body, self._open = body, list[socket]()
        self._listener = socket(AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(peer)
            if self._body is not None:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + self._body)
                peer.close()

    def close(self) -> None:
        silence(self._listener)
        for one in self._open:
            one.close()


def validated() -> str:
    return CliRunner().invoke(command, [], standalone_mode=False).output


def test_without_a_daemon_nobody_knows(here: Path) -> None:
    assert ": ok" in validated()


def test_a_daemon_that_has_seen_the_nodes_is_asked(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cli.ask.SOON_S", 60.0)
    door = Door(here / "door.sock", msgspec.json.encode((SEEN,)))
    with FleetLock("home", wiring.lock_dir()) as held:
        held.serves(unix_socket=here / "door.sock")
        assert "requests 16Gi together, and the largest node has 8Gi" in validated()
    door.close()


@pytest.mark.parametrize("body", [b"start web-1 on pi-1\n", b'[{"name": 5}]', None])
def test_an_answer_of_another_kind_or_none_is_no_knowledge(tmp_path: Path, body: bytes | None) -> None:
    door = Door(tmp_path / "door.sock", body)
    began = time.monotonic()
    assert capacity_behind(tmp_path / "door.sock") == {}
    assert time.monotonic() - began < SOON_S + 30
    door.close()
    assert capacity_behind(tmp_path / "nothing.sock") == {}
