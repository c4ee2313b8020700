"""Files of no use, held so that a connection can be taken when there are no others.

A file that is closed and then opened again is lost to whichever thread is quicker, and out of files many wait
for one. So the file of a connection that ends becomes a spare one in its place, without being free between.
"""

from __future__ import annotations

import contextlib
import os
import socket

HELD = 4
"""For one that asks whether we are well, and some that hang up late."""


class Spares:
    """Not thread-safe. Holds nothing before `fill`."""

    def __init__(self, most: int = HELD) -> None:
        self._most = most
        self._held: list[int] = []
        self._pattern: int | None = None
        """What the file of a connection is replaced by; never given up."""

    def fill(self) -> None:
        """As far as there are files."""
        with contextlib.suppress(OSError):
            if self._pattern is None:
                self._pattern = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            while len(self._held) < self._most:
                self._held.append(os.dup(self._pattern))

    def give_up(self) -> bool:
        """One file is free now; False when none was held."""
        if not self._held:
            return False
        os.close(self._held.pop())
        return True

    def take_over(self, link: socket.socket) -> None:
        """Close this connection, and hold its file if one is missing."""
        if self._pattern is not None and len(self._held) < self._most and (number := link.detach()) >= 0:
            self._held.append(os.dup2(self._pattern, number, inheritable=False))
        link.close()

    def close(self) -> None:
        while self.give_up():
            pass
        if self._pattern is not None:
            os.close(self._pattern)
            self._pattern = None
