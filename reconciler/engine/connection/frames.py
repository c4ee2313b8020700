"""Docker's stream of frames (8 bytes of head: which output, 0, 0, 0, length), taken apart as it comes.

A frame may say that it has 4 GiB: nothing waits for a whole one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

HEAD = 8
ERRORS = 2
"""The number of a command's error output; 1 is its output."""

MOST_OUTPUT = 1 << 20
"""Bytes of a command's output that are kept; what comes after them is read and thrown away."""


class Frames:
    """Pieces of the stream go in, pieces of outputs come out."""

    def __init__(self) -> None:
        self._head = b""
        self._output, self._left = 0, 0

    def take(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Which output, and what it said."""
        while data:
            if self._left == 0:
                missing = HEAD - len(self._head)
                self._head, data = self._head + data[:missing], data[missing:]
                if len(self._head) == HEAD:
                    self._output, self._left = self._head[0], int.from_bytes(self._head[4:], "big")
                    self._head = b""
                continue
            piece, data = data[: self._left], data[self._left :]
            self._left -= len(piece)
            yield self._output, piece


def both_outputs(chunks: Iterable[bytes]) -> bytes:
    """As one, up to MOST_OUTPUT bytes."""
    frames, kept = Frames(), bytearray()
    for chunk in chunks:
        for _, piece in frames.take(chunk):
            kept += piece[: MOST_OUTPUT - len(kept)]
    return bytes(kept)
