"""What the doctor says of nodes that answer nonsense, or stand still in the middle of a word."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.engine.connection.ssh import SshLink
from reconciler.engine.fitness import doctor, neighbours
from reconciler.engine.fitness.doctor import examine
from reconciler.errors import LoginRefused
from reconciler.model.fleet import NodeSpec
from tests.engine.fake_engine import FakeEngine, answer
from tests.listening import silence

PINNED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFSMqzJeV9rUzU4kWitGjeR4PWSa29SPqJ1fVkhtj3Hw"


@pytest.mark.parametrize("body", [b"[]", b"{}", b"no json", b'{"Version": {"a": 1}}', b"null", b"\xff\xfe"])
def test_what_an_engine_says_wrong_is_a_finding_and_no_end(tmp_path: Path, body: bytes) -> None:
    engine = FakeEngine(tmp_path / "docker.sock", lambda _: answer(body))
    report = examine(NodeSpec(name="pi-1", address=f"unix://{engine.path}"))
    engine.close()
    assert report.node == "pi-1"
    assert report.checks
    assert all(c.found for c in report.checks)


@pytest.fixture
def half_an_sshd() -> Iterator[str]:
    """It says who it is, and stops."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def greet() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            kept.append(peer)

    threading.Thread(target=greet, daemon=True).start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    silence(listener)
    for peer in kept:
        peer.close()


def test_an_sshd_that_stands_still_is_a_finding_and_no_end(
    half_an_sshd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "TIMEOUT", 0.3)
    monkeypatch.setattr(neighbours, "TIMEOUT", 0.3)
    spec = NodeSpec(name="pi-1", address=f"ssh://root@{half_an_sshd}", host_key=PINNED)
    report = examine(spec)
    assert report.failed
    (last,) = (c for c in report.checks if c.status == "fail")
    assert last.remedy
    assert neighbours._ask(spec, "home").error


@pytest.mark.parametrize(
    ("code", "output", "said"),
    [
        (
            1,
            b"This account is currently not available.\n",
            'it says "This account is currently not available."',
        ),
        (128, b"fatal: Interactive git shell is not enabled.\n\x1b[2J", "Interactive git shell"),
        (1, b"", "says nothing"),
        (0, b"Welcome to the backup host\n", "Welcome"),
    ],
)
def test_a_shell_that_refuses_is_not_blamed_on_docker(code: int, output: bytes, said: str) -> None:
    link = SshLink.__new__(SshLink)
    link.node, link._path = "pi-1", "/run/docker.sock"
    error = link._no_docker(code, output)
    assert isinstance(error, LoginRefused)
    assert said in error.message
    assert "\x1b" not in error.message
    assert "usermod --shell" in error.remedy
