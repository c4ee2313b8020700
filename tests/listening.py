"""Servers that a thread accepts connections for."""

from __future__ import annotations

import contextlib
import socket


def silence(listener: socket.socket) -> None:
    """Close it so that the thread ends that waits in `accept`. With `close` alone the thread waits on, by a
    number that the next test's listener may get: it would then answer that one's clients.
    """
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
