"""The sessions that a node's sshd allows: few per connection (MaxSessions), so they are lent, and asked back.

Whoever needs one and finds none free lets idle ones go (those whose HTTP connection waits for its next
call); then another connection is made, which has as many again; then it waits, for its own time and no other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

import paramiko

from reconciler.engine.connection.transport import Transport
from reconciler.errors import NodeUnreachable, ReconcilerError
from reconciler.supervision import sign_of_life

PER_CONNECTION = 8
"""sshd's MaxSessions is 10 unless told otherwise, and people log in, too."""
MOST_CONNECTIONS = 3
"""A session that stands in for a forwarded socket is a `docker` process on the node, of some 20 MB."""
RESERVED = 3
"""Sessions that nothing long (a pull, a stop, an exec) may take: listings must always get through."""
FULL_S = 5.0
"""A connection that opened no further session, though it should have some left, is asked again after this."""
_REFUSED = (paramiko.SSHException, EOFError, OSError)

Route = tuple[Transport, ...]
"""Transports that are logged in, the node's last, those that it goes through before it."""


class _Lane:
    """One connection, and how many sessions are lent on it."""

    def __init__(self, route: Route) -> None:
        self.route, self.transport = route, route[-1]
        self.lent, self.full_until = 0, 0.0

    def free(self) -> int:
        usable = self.transport.is_active() and monotonic() >= self.full_until
        return PER_CONNECTION - self.lent if usable else 0

    def close(self) -> None:
        for transport in reversed(self.route):
            transport.close()


class Sessions:
    """Thread-safe. `another` makes one more connection of the same kind; it raises `NodeError`."""

    def __init__(self, node: str, first: Route, another: Callable[[], Route] | None = None) -> None:
        self._node, self._another = node, another
        self._lanes = [_Lane(first)]
        self._changed = threading.Condition()
        self._connecting = threading.Lock()
        self._waiting, self._closed = 0, False
        self.let_go: Callable[[], None] = lambda: None
        """Gives back what is only kept for later."""

    @property
    def crowded(self) -> bool:
        """Somebody waits for one: who keeps one for later should give it back."""
        return self._waiting > 0

    def when_crowded(self, let_go: Callable[[], None]) -> None:
        """`let_go` is called from the thread of whoever needs one."""
        self.let_go = let_go

    def open(self, timeout: float, *, lasting: bool = False) -> tuple[paramiko.Channel, Callable[[], None]]:
        """A session, and what to call when it has been closed. `timeout` in seconds, for all of it.

        `lasting` ones leave some to those that are short. Raises `NodeUnreachable`.
        """
        end = monotonic() + timeout
        while True:
            lane = self._take(end, timeout, lasting)
            try:
                channel = lane.transport.open_session(timeout=max(0.1, end - monotonic()))
            except _REFUSED as error:
                self._give(lane, full=isinstance(error, paramiko.ChannelException))
                if isinstance(error, paramiko.ChannelException) and monotonic() < end:
                    continue
                said = str(error) or type(error).__name__
                raise NodeUnreachable(f"no SSH session: {said}", node=self._node) from error
            return channel, partial(self._give, lane)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            lanes = list(self._lanes)
            self._changed.notify_all()
        for lane in reversed(lanes):
            lane.close()

    def _take(self, end: float, timeout: float, lasting: bool) -> _Lane:
        """A place on one of the connections."""
        with self._changed:
            if (lane := self._free(lasting)) is not None:
                return lane
            self._waiting += 1  # before what is idle is let go: none may become idle unseen after it
        try:
            self.let_go()
            while True:
                with self._changed:
                    if (lane := self._free(lasting)) is not None:
                        return lane
                if not self._widen(end):
                    with self._changed:
                        if (lane := self._free(lasting)) is None:
                            sign_of_life(end - monotonic())
                            self._changed.wait(min(FULL_S, max(0.0, end - monotonic())))
                if monotonic() >= end or self._closed:
                    raise NodeUnreachable(f"no free SSH session within {timeout:g} s", node=self._node)
        finally:
            with self._changed:
                self._waiting -= 1

    def _free(self, lasting: bool) -> _Lane | None:
        """You hold the lock."""
        free = {lane: lane.free() for lane in self._lanes}
        if sum(free.values()) <= (RESERVED if lasting else 0):
            return None
        lane = max(self._lanes, key=lambda lane: free[lane])
        lane.lent += 1
        return lane

    def _give(self, lane: _Lane, *, full: bool = False) -> None:
        with self._changed:
            lane.lent -= 1
            if full:
                lane.full_until = monotonic() + FULL_S
            self._changed.notify_all()

    def _widen(self, end: float) -> bool:
        """One more connection, made by one thread at a time; whether there is one."""
        if self._another is None or not self._connecting.acquire(timeout=max(0.0, end - monotonic())):
            return False
        try:
            with self._changed:
                self._lanes[1:] = [lane for lane in self._lanes[1:] if lane.transport.is_active()]
                free = sum(lane.free() for lane in self._lanes)
                if free > RESERVED:
                    return True  # another thread made one meanwhile
                if self._closed or len(self._lanes) >= MOST_CONNECTIONS:
                    return False
            return self._add(_Lane(self._another()))
        except ReconcilerError:
            return False  # the connection that there is must do
        finally:
            self._connecting.release()

    def _add(self, lane: _Lane) -> bool:
        with self._changed:
            closed = self._closed
            if not closed:
                self._lanes.append(lane)
                self._changed.notify_all()
        if closed:
            lane.close()
        return not closed
