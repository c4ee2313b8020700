"""What paramiko talks through: a TCP connection that doesn't wait, or a channel of the hop before.

Two delays hide in a TCP connection that carries many small messages both ways: Nagle's algorithm (ours)
and delayed acknowledgements (the kernel's, which turns them on again after each exchange).
"""

from __future__ import annotations

import contextlib
import socket
from math import inf
from time import monotonic
from typing import Any

MOST_GREETING = 1 << 20
"""Bytes until the keys are exchanged: a banner without an end would be kept whole."""
SILENCE = 15.0
"""Seconds after which the kernel gives up on a peer that acknowledges nothing."""


class Heard:
    """A socket or channel that remembers when it last heard from the other side."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._closed = False
        self.heard_at = monotonic()
        self._greeting: float = MOST_GREETING

    def recv(self, size: int) -> bytes:
        data: bytes = self._sock.recv(size)
        self.heard_at = monotonic()
        self._greeting -= len(data)
        if self._greeting < 0:
            raise OSError("it says too much before it has proved who it is")
        return data

    def greeted(self) -> None:
        """Its keys are exchanged: how much it says from now on is for others to bound."""
        self._greeting = inf

    def send(self, data: bytes) -> int:
        sent: int = self._sock.send(data)
        return sent

    def settimeout(self, seconds: float | None) -> None:
        self._sock.settimeout(seconds)

    def getpeername(self) -> Any:
        return self._sock.getpeername()

    def close(self) -> None:
        """Also wakes a thread that waits in `recv`."""
        self._closed = True
        with contextlib.suppress(OSError, EOFError):
            self._sock.close()


class PromptSocket(Heard):
    """A connected TCP socket that sends at once and acknowledges at once."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._quick = getattr(socket, "TCP_QUICKACK", None)
        _watch_silence(sock)

    def recv(self, size: int) -> bytes:
        data = super().recv(size)
        if self._quick is not None and data:
            with contextlib.suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, self._quick, 1)
        return data

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        super().close()


def _watch_silence(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", 5),
        ("TCP_KEEPINTVL", 5),
        ("TCP_KEEPCNT", 2),
        ("TCP_USER_TIMEOUT", int(SILENCE * 1000)),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
