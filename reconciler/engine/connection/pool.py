"""Keeps a few HTTP connections to one Engine open between calls; long calls get one of their own."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPResponse

from reconciler.engine.connection.http import BROKEN, Body, Connection, Limits
from reconciler.engine.connection.link import Link
from reconciler.errors import NodeUnreachable

SIZE = 6
"""Calls at a time: more gain nothing on a node."""
OPEN_TIMEOUT = 10.0
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class Pool:
    """Thread-safe."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._places = threading.BoundedSemaphore(SIZE)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._closed = False
        self._why = "the connection broke"
        link.when_crowded(self._let_go)

    @contextmanager
    def ask(
        self,
        method: str,
        target: str,
        body: Body,
        headers: Mapping[str, str],
        limits: Limits,
        *,
        own: bool = False,
    ) -> Iterator[HTTPResponse]:
        """The response to one request. Its connection is kept if all of it was read.

        `own`: not one of the few, for calls that last. Raises `http.BROKEN` or `NodeUnreachable`.
        """
        if own:
            with contextlib.closing(self._fresh(limits, lasting=not limits.brief)) as connection:
                yield connection.send_request(method, target, body, headers, limits)
            return
        if not self._places.acquire(timeout=limits.wait):
            raise TimeoutError("every connection to this Engine is busy")
        try:
            connection, response = self._answered(method, target, body, headers, limits)
            try:
                yield response
            finally:
                self._put_away(connection, whole=response.isclosed() and not response.will_close)
        finally:
            self._places.release()

    @property
    def full(self) -> bool:
        """Whoever asks now waits for another's answer."""
        if self._places.acquire(blocking=False):
            self._places.release()
            return False
        return True

    def close(self, why: str) -> None:
        with self._lock:
            self._closed = True
            self._why = why
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _answered(
        self, method: str, target: str, body: Body, headers: Mapping[str, str], limits: Limits
    ) -> tuple[Connection, HTTPResponse]:
        """On an idle connection if there is one; an Engine that was restarted has closed those."""
        while (idle := self._take()) is not None:
            try:
                return idle, idle.send_request(method, target, body, headers, limits)
            except TimeoutError:
                idle.close()
                raise
            except BROKEN:
                idle.close()
                if method not in _REPEATABLE:
                    raise
        connection = self._fresh(limits)
        try:
            return connection, connection.send_request(method, target, body, headers, limits)
        except BaseException:
            connection.close()
            raise

    def _take(self) -> Connection | None:
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not connection.ended:
                    return connection
                connection.close()
        return None

    def _fresh(self, limits: Limits, *, lasting: bool = False) -> Connection:
        if self._closed or not self._link.alive:
            raise NodeUnreachable(self._why, node=self._link.node)
        patience = limits.wait or OPEN_TIMEOUT
        return Connection(self._link.docker(OPEN_TIMEOUT, lasting=lasting, patience=patience))

    def _put_away(self, connection: Connection, *, whole: bool) -> None:
        with self._lock:
            in_the_way = connection.scarce and self._link.crowded
            if whole and not self._closed and not in_the_way:
                self._idle.append(connection)
                return
        connection.close()

    def _let_go(self) -> None:
        """Somebody needs what the idle ones keep."""
        with self._lock:
            kept, self._idle = self._idle, []
        for connection in kept:
            connection.close()
