"""A revision's lines over HTTP until its end: what the hosted repository's hook reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, web

from reconciler.api.follow import Followers

LOOK_EVERY_S = 1.0
"""A quiet stream looks whether its revision was passed over."""
UNREAD_S = 120.0
"""Who reads nothing for so long while there is something to read has gone away, or stands still."""


def follow(
    app: web.Application, followers: Followers
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler of `/follow/{revision}`. When the server stops, streams end without an `exit:` line."""
    closing = asyncio.Event()

    bells: set[asyncio.Event] = set()

    async def close(_: web.Application) -> None:
        closing.set()
        for bell in bells:
            bell.set()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        if request.version >= HttpVersion11:
            response.enable_chunked_encoding()  # in 1.0 the body ends with the connection
        await response.prepare(request)
        bells.add(bell := asyncio.Event())
        loop = asyncio.get_running_loop()
        silence = followers.on_change(lambda: _ring(loop, bell))
        try:
            await _copy(followers, request, response, bell, closing)
        finally:
            silence()
            bells.discard(bell)
        await response.write_eof()
        return response

    app.on_shutdown.append(close)
    return handle


async def _copy(
    followers: Followers,
    request: web.Request,
    response: web.StreamResponse,
    bell: asyncio.Event,
    closing: asyncio.Event,
) -> None:
    revision, position, ended = request.match_info["revision"], 0, False
    while not ended and not closing.is_set() and not _hung_up(request):
        bell.clear()
        reading = followers.read(revision, position)
        position, ended = reading.next, reading.ended
        if reading.lines:
            text = "".join(f"{line}\n" for line in reading.lines).encode()
            try:
                await asyncio.wait_for(response.write(text), UNREAD_S)
            except TimeoutError:
                _let_go(request)
        elif not ended:
            await _wait(bell, LOOK_EVERY_S)


def _hung_up(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _let_go(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _wait(bell: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(bell.wait(), seconds)
    except TimeoutError:
        return


def _ring(loop: asyncio.AbstractEventLoop, bell: asyncio.Event) -> None:
    try:
        loop.call_soon_threadsafe(bell.set)
    except RuntimeError:
        return  # the server has stopped meanwhile; nobody listens any more
