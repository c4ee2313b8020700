"""The HTTP server of a running reconciler, in a thread and an event loop of its own.

Two doors: a TCP address that may be reached by others and only tells (and takes signed webhooks), and a
Unix socket that only this user can open, where the loop can be woken and a rollout be followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.api.daemon import Daemon, Verify
from reconciler.api.files import door_limit
from reconciler.api.tasks import go_on
from reconciler.errors import ReconcilerError
from reconciler.record.places import REFUSED_BY_DISK, is_private
from reconciler.supervision import Supervised, sign_of_life

if TYPE_CHECKING:
    from aiohttp import web

    from reconciler.api.door import Door

log = logging.getLogger(__name__)

START_TIMEOUT_S = 60.0
"""For a name server that has to say what address to listen on, and for a busy machine."""
STOP_TIMEOUT_S = 5.0
BACKLOG = 128
MOST_OF_ONE = 64
"""Connections of one address at the TCP door at a time; a proxy in front of it is one address."""
KEEP_EVERY_S = 2.0


class ApiServer:
    """`listen` is `host:port` (port 0: any free one), None for no TCP door; `unix_socket` likewise.

    `spare_socket` is used where the disk of `unix_socket` takes nothing. `verify` checks webhooks; None:
    there is no webhook.
    """

    def __init__(
        self,
        listen: str | None,
        unix_socket: Path | None,
        daemon: Daemon,
        *,
        spare_socket: Path | None = None,
        verify: Verify | None = None,
    ) -> None:
        self._listen, self._daemon, self._verify = listen, daemon, verify
        self.unix_socket, self._spare_socket = unix_socket, spare_socket
        """Once started, where the socket really is."""
        self._loop = asyncio.new_event_loop()
        self._thread = Supervised("api", self._run)
        self._stopping = threading.Lock()
        self._runners: list[web.AppRunner] = []
        self._doors: list[Door] = []
        self._keeper: asyncio.Task[None] | None = None
        self.address: str | None = None
        """Where it really listens, once started."""

    def start(self) -> None:
        """Returns when both doors are open. Raises `ReconcilerError` when one can't be."""
        from reconciler.api import door, routes  # noqa: F401 (now: their import takes seconds on a small machine)

        self._thread.start()
        opening = asyncio.run_coroutine_threadsafe(self._open(), self._loop)
        try:
            opening.result(START_TIMEOUT_S)
        except TimeoutError as error:
            opening.cancel()
            self.stop()
            raise _not_in_time(self._listen or str(self.unix_socket)) from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Close both doors; streams that are open end. May be called twice, also at the same time."""
        with self._stopping:
            if not self._thread.is_alive():
                return
            asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(STOP_TIMEOUT_S + 5.0)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        pulse = self._loop.call_soon(self._beat)
        try:
            self._loop.run_forever()
        finally:
            pulse.cancel()
        self._loop.close()

    def _beat(self) -> None:
        sign_of_life()
        self._loop.call_later(KEEP_EVERY_S, self._beat)

    async def _open(self) -> None:
        from reconciler.api.door import Door
        from reconciler.api.routes import private_app, public_app
        from reconciler.api.visitor import Patience

        most = door_limit()
        if self.unix_socket is not None:
            door = Door("the Unix socket", most, most, Patience(answered=None))
            server = await self._served(private_app(self._daemon), door)
            await door.open([self._bind_somewhere(self.unix_socket)], server)
            keep = partial(self._keep_socket, door, server)
            self._keeper = asyncio.create_task(go_on("the Unix socket", keep))
        if self._listen is not None:
            door = Door(self._listen, most, min(MOST_OF_ONE, most // 2), Patience())
            server = await self._served(public_app(self._daemon, self._verify), door)
            await door.open(await self._bind_tcp(self._listen), server)

    async def _served(self, app: web.Application, door: Door) -> web.Server:
        from aiohttp import web

        from reconciler.api.door import HTTP_BOUNDS, note_malformed

        logger = logging.getLogger(f"{__name__}.requests")
        logger.addFilter(note_malformed)
        app.middlewares.insert(0, door.attend)
        runner = web.AppRunner(
            app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=STOP_TIMEOUT_S,
            logger=logger,
            **HTTP_BOUNDS,
        )
        await runner.setup()
        self._doors.append(door)
        self._runners.append(runner)
        assert runner.server is not None
        return runner.server

    async def _bind_tcp(self, listen: str) -> list[socket.socket]:
        host, port = _host_and_port(listen)
        found: list[socket.socket] = []
        try:
            kind, passive = socket.SOCK_STREAM, socket.AI_PASSIVE
            places = await self._loop.getaddrinfo(host, port, type=kind, flags=passive)
            for family, _, _, _, address in dict.fromkeys(places):
                found.append(socket.create_server(address, family=family, backlog=BACKLOG))
        except OSError as error:
            for listener in found:
                listener.close()
            raise _not_opened(listen, error) from error
        name = found[0].getsockname()
        self.address = f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"
        return found

    def _bind_somewhere(self, path: Path) -> socket.socket:
        try:
            return _bind_unix(path)
        except ReconcilerError as error:
            refusal, spare = error.__cause__, self._spare_socket
            if spare is None or not (isinstance(refusal, OSError) and refusal.errno in REFUSED_BY_DISK):
                raise
            spare.parent.mkdir(mode=0o700, exist_ok=True)
            if not is_private(spare.parent):
                raise
            log.warning("%s can't be made (%s); it is %s for now", path, refusal.strerror, spare)
        self.unix_socket = spare
        return _bind_unix(spare)

    async def _keep_socket(self, door: Door, server: web.Server) -> None:
        """Make the socket again when somebody removed its file, as cleaners of temporary folders do."""
        path = self.unix_socket
        assert path is not None
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            if path.parent.is_dir() and not os.path.lexists(path):
                with contextlib.suppress(ReconcilerError):  # the folder isn't writable for now
                    await door.open([_bind_unix(path)], server)
                    log.warning("the socket %s was removed by somebody; it is made again", path)

    async def _close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        for door in self._doors:
            await door.close()
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        if self.unix_socket is not None:
            self.unix_socket.unlink(missing_ok=True)


def _bind_unix(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)  # left by a reconciler that was killed; the fleet's lock is ours
        listener.bind(str(path))
        path.chmod(0o600)  # before it is listened on
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ReconcilerError(
            f"the socket can't be opened: {error.strerror or error}",
            where=str(path),
            remedy="the directory must be writable and the whole path shorter than 100 characters",
        ) from error
    return listener


def _host_and_port(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ReconcilerError(
            f'expected host:port, found "{listen}"',
            where="spec.serve.listen",
            remedy="write for example 127.0.0.1:7420, or 0.0.0.0:7420 to be reached from other machines",
        )
    return host.strip("[]") or "0.0.0.0", int(port)


def _not_in_time(where: str) -> ReconcilerError:
    fix = "give spec.serve.listen an address instead of a name, or look what keeps this machine busy"
    return ReconcilerError(f"it can't be listened on within {START_TIMEOUT_S:g} s", where=where, remedy=fix)


def _not_opened(listen: str, error: OSError) -> ReconcilerError:
    if error.errno == errno.EADDRINUSE:
        found = "the address is in use by another program"
        remedy = f"see which one with `ss -ltnp 'sport = :{listen.rpartition(':')[2]}'`, or set another one"
    else:
        found = f"the address can't be listened on: {error.strerror or error}"
        remedy = "set one that this machine has"
    return ReconcilerError(found, where=listen, remedy=f"{remedy} (spec.serve.listen in nodes.yaml)")
