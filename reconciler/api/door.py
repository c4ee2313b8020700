"""A door: a listening socket, and those who came through it. Nobody who comes can close it for others.

asyncio's own accept loop has no limit on connections, and out of files it logs a hundred errors at
once and goes on so. This one takes connections one by one and counts them: at the limit of one origin
or of all, the one that has kept a place the longest without asking anything makes room for the new one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from reconciler.api.spares import Spares
from reconciler.api.tasks import go_on
from reconciler.api.visitor import Patience, Visitor, origin

log = logging.getLogger(__name__)

OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
BACKOFF_S = 1.0
"""Between two looks whether a file is to be had."""
SAID_AGAIN_S = 600.0
LOOK_EVERY_S = 1.0
SETTLED_S = 10.0
"""An answer that takes longer may be cut off for somebody new, when every place is taken by one."""

HTTP_BOUNDS: dict[str, Any] = {
    "max_line_size": 4096,
    "max_field_size": 4096,
    "max_headers": 64,
    "auto_decompress": False,
}
"""256 KiB at most for the head of a request. The largest that GitHub sends has 20 fields."""


class Door:
    """At most `most` connections, `most_of_one` of them from one origin. All calls from the event loop."""

    def __init__(self, name: str, most: int, most_of_one: int, patience: Patience) -> None:
        self._name, self._most, self._most_of_one, self._patience = name, most, most_of_one, patience
        self._visitors: dict[object, Visitor] = {}
        """By aiohttp's protocol, in the order of their coming."""
        self._listeners: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._spares = Spares()
        self._said_at = float("-inf")

    async def open(self, listeners: Iterable[socket.socket], server: web.Server) -> None:
        """Take connections from these sockets, and close those that were listened on before."""
        await self._hang_up()
        self._spares.fill()
        for listener in listeners:
            listener.setblocking(False)
            self._listeners.append(listener)
            self._tasks.append(self._task(partial(self._take, listener, server)))
        self._tasks.append(self._task(self._look_after))

    def _task(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(go_on(self._name, work))

    async def close(self) -> None:
        """Nobody new comes in. Who is in is let go by aiohttp."""
        await self._hang_up()
        self._spares.close()

    @web.middleware
    async def attend(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """A middleware: notes when a request has come, and when its answer goes out."""
        visitor = self._visitors.get(request.protocol)
        if visitor is None:
            return await handler(request)
        visitor.begin("answered")
        try:
            return await handler(request)
        finally:
            visitor.begin("idle")

    async def _hang_up(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
        self._tasks.clear()
        self._listeners.clear()

    async def _take(self, listener: socket.socket, server: web.Server) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await _knocked(listener)
            try:
                link, address = listener.accept()
            except OSError as error:
                if error.errno in OUT_OF_FILES:
                    await self._bear(error)
                continue  # else that connection has ended before it was taken
            link.setblocking(False)
            if visitor := self._admit(server, link, origin(address)):
                try:
                    await loop.connect_accepted_socket(lambda v=visitor: v, link)  # type: ignore[misc]
                except OSError:
                    self._leave(visitor)
            else:
                self._spares.take_over(link)

    def _admit(self, server: web.Server, link: socket.socket, who: str) -> Visitor | None:
        """None when there is no place."""
        same = [v for v in self._visitors.values() if v.origin == who]
        if len(same) >= self._most_of_one and not self._make_room(same):
            return None
        if len(self._visitors) >= self._most and not self._make_room(self._visitors.values()):
            return None
        visitor = Visitor(server(), link, who, self._leave)
        self._visitors[visitor.inner] = visitor
        return visitor

    def _make_room(self, among: Iterable[Visitor]) -> bool:
        now = asyncio.get_running_loop().time()
        found = [v for v in among if v.doing != "answered" or now - v.since > SETTLED_S]
        if not found:
            return False
        oldest = min(found, key=lambda v: (v.doing == "answered", v.since))
        self._forget(oldest)
        oldest.turn_out()
        return True

    def _forget(self, visitor: Visitor) -> None:
        self._visitors.pop(visitor.inner, None)

    def _leave(self, visitor: Visitor) -> None:
        self._forget(visitor)
        self._spares.take_over(visitor.link)

    async def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self._spares.fill()
            now = loop.time()
            for visitor in [v for v in self._visitors.values() if v.overdue(self._patience, now)]:
                visitor.turn_out()

    async def _bear(self, error: OSError) -> None:
        """No file is left: a saved one makes the next try succeed, or that of who asks nothing; or wait."""
        now = asyncio.get_running_loop().time()
        if now - self._said_at > SAID_AGAIN_S:
            self._said_at = now
            log.warning("%s: no connection can be taken for now: %s", self._name, error.strerror)
        if self._spares.give_up():
            return
        waiting = [v for v in self._visitors.values() if v.doing != "answered"]
        await asyncio.sleep(0 if self._make_room(waiting) else BACKOFF_S)  # its file comes in that round


async def _knocked(listener: socket.socket) -> None:
    """Until somebody wants to come in: accept(2) wants a file before it looks whether anybody does."""
    loop = asyncio.get_running_loop()
    somebody = asyncio.Event()
    loop.add_reader(listener, somebody.set)
    try:
        await somebody.wait()
    finally:
        loop.remove_reader(listener)


def note_malformed(record: logging.LogRecord) -> bool:
    """A filter for aiohttp's logger: what a client did wrong is one line at debug, without a traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if not isinstance(error, HttpProcessingError):
        return True
    log.debug("a malformed request: %s", " ".join(str(error).split())[:200])
    return False
