"""Whose turn it is on a node: few may work at a time, and who waits for somebody else lets others work.

A pod's start is work for its node (create, unpack, start), and more than a few at a time gain nothing there.
But parts of it are only waiting: for a registry, for a hook. What such a wait is for is known deep below,
where it happens; `away` says so there. The walker of plans gives the turns.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf


class Stopping(Exception):
    """No further turn is given: what waited for one hasn't begun."""


class Turns:
    """Thread-safe. `most` may work at a time."""

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._free, self._work = most, threading.Condition(self._lock)
        self._inside: dict[str, int] = {}
        self._places: dict[str, threading.Condition] = {}
        self._closed = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn and have it. Raises `Stopping`."""
        self._take()
        token = _mine.set(self)
        try:
            yield
        finally:
            _mine.reset(token)
            self._give_back()

    @contextmanager
    def away(self, place: str, most: float) -> Iterator[None]:
        self._give_back()
        try:
            self._enter(place, most)
            try:
                yield
            finally:
                self._leave(place)
        finally:
            self._take(begun=True)

    def close(self) -> None:
        """Who waits for a turn gets none; who has one goes on."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
            for place in self._places.values():
                place.notify_all()

    def _take(self, *, begun: bool = False) -> None:
        with self._lock:
            self._work.wait_for(lambda: self._free > 0 or self._closed)
            if self._closed and not begun:
                raise Stopping
            self._free -= 1

    def _give_back(self) -> None:
        with self._lock:
            self._free += 1
            self._work.notify()

    def _enter(self, place: str, most: float) -> None:
        with self._lock:
            ready = self._places.setdefault(place, threading.Condition(self._lock))
            ready.wait_for(lambda: self._inside.get(place, 0) < most or self._closed)
            if self._closed:
                raise Stopping
            self._inside[place] = self._inside.get(place, 0) + 1

    def _leave(self, place: str) -> None:
        with self._lock:
            self._inside[place] -= 1
            self._places[place].notify()
            if not self._inside[place]:
                del self._inside[place]


_mine: ContextVar[Turns | None] = ContextVar("turns", default=None)


@contextmanager
def away(place: str, most: float = inf) -> Iterator[None]:
    """Be at `place`, as at most so many of one node are at a time, and let others work meanwhile. Nothing is
    waited for where nobody gave a turn.
    """
    turns = _mine.get()
    if turns is None:
        yield
        return
    with turns.away(place, most):
        yield
