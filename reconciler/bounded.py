"""A connection that ends at a certain time, whatever its other end does.

A socket's own time-out holds for each byte anew: who gives one now and then would be read for ever.
"""

from __future__ import annotations

import time
from io import BufferedReader, RawIOBase
from typing import Any, Literal, Protocol


class Stream(Protocol):
    """What is needed of a connection: a socket has it, and a channel through a node."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def makefile(self, mode: Literal["rb"], /) -> BufferedReader: ...
    def close(self) -> None: ...


def left(end: float) -> float:
    """Seconds until `end` (of the monotonic clock). Raises `TimeoutError` when there are none."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


class Bounded:
    """A `Stream` until `end`, which no later `settimeout` moves."""

    def __init__(self, stream: Stream, end: float) -> None:
        self._stream, self._end = stream, end

    def sendall(self, data: bytes, /) -> None:
        self._stream.settimeout(left(self._end))
        self._stream.sendall(data)

    def recv(self, size: int, /) -> bytes:
        self._stream.settimeout(left(self._end))
        return self._stream.recv(size)

    def settimeout(self, seconds: float | None, /) -> None:
        """Its time is set already."""

    def close(self) -> None:
        self._stream.close()

    def makefile(self, _mode: Literal["rb"] = "rb", /) -> BufferedReader:
        """As a socket's, it may be read on when the stream itself was closed."""
        return BufferedReader(_Reader(self, self._stream.makefile("rb")))


class _Reader(RawIOBase):
    def __init__(self, stream: Bounded, keeping: BufferedReader) -> None:
        """`keeping` is never read: it holds the stream open, which counts its files."""
        self._stream, self._keeping = stream, keeping

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._keeping.close()
        super().close()
