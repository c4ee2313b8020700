"""An SSH channel with the manners of a socket."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable
from typing import Any, Literal

import paramiko


class ChannelStream:
    """A channel as a `link.Stream`: closing is counted, as for sockets, so that `makefile` outlives `close`.

    http.client closes the socket of a response without a length before the body is read; a bare channel
    would lose the rest.
    """

    def __init__(self, channel: paramiko.Channel, released: Callable[[], None] | None = None) -> None:
        """`released` is called, once, when it has been closed."""
        self._channel, self._released = channel, released
        self.scarce = released is not None
        """It takes one of the few sessions that sshd allows."""
        self._files, self._closed = 0, False
        self._lock = threading.Lock()

    @property
    def ended(self) -> bool:
        """The other side sends nothing more."""
        return bool(self._channel.closed or self._channel.eof_received)

    def sendall(self, data: bytes) -> None:
        self._channel.sendall(data)

    def recv(self, size: int) -> bytes:
        data = self._channel.recv(size)
        if not data and not self._channel.eof_received:
            raise ConnectionResetError("the SSH connection ended")
        return data

    def settimeout(self, seconds: float | None) -> None:
        self._channel.settimeout(seconds)

    def makefile(self, _mode: Literal["rb"] = "rb", /) -> io.BufferedReader:
        with self._lock:
            self._files += 1
        return io.BufferedReader(_Reader(self), 65536)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            last = self._files == 0
        if last:
            self._hang_up()

    def file_closed(self) -> None:
        with self._lock:
            self._files -= 1
            last = self._closed and self._files == 0
        if last:
            self._hang_up()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._channel.close()
        with self._lock:
            released, self._released = self._released, None
        if released is not None:
            released()


class _Reader(io.RawIOBase):
    def __init__(self, stream: ChannelStream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.file_closed()
