"""A connection that ends at a certain time and gives so many bytes, whatever its other end does; and files.

A socket's own time-out holds for each byte anew: who gives one now and then would be read for ever. And who
gives them without end (a body, headers, trailers, one `100 Continue` after the other) would fill the memory.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from io import BufferedReader, RawIOBase
from math import inf
from pathlib import Path
from typing import Any, Literal, Protocol

from reconciler.supervision import sign_of_life

MOST_FILE = 1 << 20
MOST_AT_ONCE = 1 << 16
"""Bytes; memory is taken for as many as are asked for, and who says how long his answer is may lie."""


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


class TooLong(OSError):
    """More was sent than is read."""


class Bounded:
    """A `Stream` until `end` (of the monotonic clock) and for `most` bytes; no later `settimeout` moves that.

    `recv` raises `TimeoutError`, and `TooLong`.
    """

    def __init__(self, stream: Stream, end: float = inf, most: float = inf) -> None:
        self._stream, self._wait = stream, inf
        self._end, self._most, self._left = end, most, most

    def allow(self, wait: float | None, seconds: float, most: float) -> None:
        """From now on: `wait` seconds for each byte (None: for ever), `seconds` and `most` bytes in all."""
        self._wait = inf if wait is None else wait
        self._end = time.monotonic() + seconds
        self._most = self._left = most

    def sendall(self, data: bytes, /) -> None:
        self._stream.settimeout(self._patience())
        self._stream.sendall(data)

    def recv(self, size: int, /) -> bytes:
        if self._left <= 0:
            raise TooLong(f"more than {self._most:.0f} bytes were sent")
        self._stream.settimeout(self._patience())
        data = self._stream.recv(int(min(size, MOST_AT_ONCE, self._left)))
        self._left -= len(data)
        return data

    def _patience(self) -> float | None:
        wait = min(self._wait, inf if self._end == inf else left(self._end))
        sign_of_life(wait)
        return None if wait == inf else wait

    def settimeout(self, seconds: float | None, /) -> None:
        """Its time is set already."""

    def close(self) -> None:
        self._stream.close()

    def makefile(self, _mode: Literal["rb"] = "rb", /) -> BufferedReader:
        """As a socket's, it may be read on when the stream itself was closed."""
        return BufferedReader(_Reader(self, self._stream.makefile("rb")), 65536)


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


def read_file(path: Path, most: int = MOST_FILE) -> bytes:
    """A regular file's content. Raises `OSError`: `TooLong`, and for a pipe or a device, which has no end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it isn't a regular file", str(path))
        data = file.read(most + 1)
    if len(data) > most:
        raise TooLong(errno.EFBIG, f"it has more than {most} bytes", str(path))
    return data
