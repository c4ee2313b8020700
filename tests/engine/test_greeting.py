"""What answers where an sshd should: whatever it says or doesn't, it is an error, in time and cheap."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import paramiko
import pytest

from reconciler.engine.connection import line, transport
from reconciler.engine.connection.address import Endpoint
from reconciler.engine.connection.connect import greet
from reconciler.errors import NodeUnreachable

BANNER = b"SSH-2.0-OpenSSH_9.2p1\r\n"
HUGE = b"\xff\xff\xff\xf4\x04" + b"x" * 3
SECONDS = 0.5


class Impostor:
    """Listens, and says to whoever comes what `talk` gives, as long as that is taken."""

    def __init__(self, talk: Callable[[], Iterator[bytes]]) -> None:
        self.sent = 0
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        peer, _ = self._listener.accept()
        with peer, suppress(OSError):
            for words in self._talk():
                self.sent += peer.send(words)
            while peer.recv(65536):
                pass

    def close(self) -> None:
        self._listener.close()
        self._thread.join(60)


def lines(of: bytes) -> Callable[[], Iterator[bytes]]:
    def talk() -> Iterator[bytes]:
        while True:
            yield of * 100

    return talk


def huge_packet() -> Iterator[bytes]:
    yield BANNER
    yield from lines(HUGE)()


@pytest.mark.parametrize(
    ("talk", "why"),
    [
        (lambda: iter(()), "banner|key exchange"),
        (lambda: iter([BANNER]), "no end of the key exchange within 0.5 s"),
        (lines(b"x"), "too much before it has proved who it is"),
        (lines(b"welcome\r\n"), "protocol version"),
        (huge_packet, "a packet of"),
    ],
    ids=["silence", "silence after the banner", "a line without end", "lines without end", "a huge packet"],
)
def test_an_impostor_costs_little_time_and_memory(
    talk: Callable[[], Iterator[bytes]], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "MOST_GREETING", 1 << 14)
    impostor = Impostor(talk)
    began = time.monotonic()
    with pytest.raises(NodeUnreachable, match=why):
        greet("pi-1", Endpoint("127.0.0.1", impostor.port, "root"), SECONDS, [])
    impostor.close()
    assert time.monotonic() - began < 30
    assert impostor.sent < 16 << 20, "what the kernel's buffers take, and little more"


def test_a_channel_that_ignores_its_window_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_UNREAD", 10)
    channel: Any = type("Channel", (), {"in_buffer": b"", "in_stderr_buffer": b""})()

    def feed(to: Any, data: Any) -> None:
        to.in_buffer += data

    take: Any = transport.bounded_feed(feed)
    take(channel, b"x" * 10)
    with pytest.raises(Exception, match="more than it was allowed to"):
        take(channel, b"x")


def test_of_two_refusals_at_a_time_neither_is_a_broken_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """paramiko gives the reason to whoever asks first."""
    here, there = socket.socketpair()
    with here, there:
        one = transport.Transport(line.Heard(here))
        monkeypatch.setattr(one, "is_active", lambda: True)
        one.refusal = "open failed"

        def open_channel(*_: object, **__: object) -> None:
            raise paramiko.SSHException("Unable to open channel.")

        monkeypatch.setattr(paramiko.Transport, "open_channel", open_channel)
        with pytest.raises(paramiko.ChannelException, match="open failed"):
            one.open_channel("session")
        monkeypatch.setattr(one, "is_active", lambda: False)
        with pytest.raises(paramiko.SSHException, match="Unable to open channel"):
            one.open_channel("session")
