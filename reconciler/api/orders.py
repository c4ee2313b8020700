"""Deliveries over HTTP: how they stand, at both doors; what people tell them to do, through the Unix socket.

The kernel says who is at the other end of the socket, so nobody can give an order in another's name.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import msgspec
from aiohttp import web

from reconciler.api.daemon import Daemon
from reconciler.api.order_forms import PATIENCE_S, Asked, Given, Trouble, user_at_machine
from reconciler.errors import UsageError
from reconciler.model.base import typed
from reconciler.model.delivery import Order
from reconciler.model.meta import Key
from reconciler.printable import printable_json
from reconciler.record.deliveries import DeliveryStatus

_PEER = struct.Struct("3i")
"""Linux' `struct ucred`: pid, uid, gid."""


NOTHING_YET = Trouble(
    message="the reconciler carries out no revision yet",
    remedy="`reconciler status` says what it waits for",
)


def tell_rollouts(app: web.Application, daemon: Daemon) -> None:
    async def every(_: web.Request) -> web.Response:
        found = daemon.rollouts()
        return as_json(NOTHING_YET, 503) if found is None else as_json(found)

    async def one(request: web.Request) -> web.Response:
        about = Key(*(request.match_info[part] for part in ("kind", "namespace", "name")))
        found = daemon.rollouts(about)
        return as_json(found[0]) if found else _unknown(found, about)

    app.router.add_get("/rollouts", every)
    app.router.add_get("/rollouts/{kind}/{namespace}/{name}", one)


def take_orders(app: web.Application, daemon: Daemon) -> None:
    """Only behind the Unix socket."""

    async def order(request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=typed(Asked))
        except msgspec.DecodeError as error:
            return as_json(Trouble(message=f"that is no order: {error}"), 400)
        if not (known := daemon.rollouts(asked.about)):
            return _unknown(known, asked.about)
        who = caller(request)
        given = daemon.order(Order(about=asked.about, verb=asked.verb, who=who, at=time.time()))
        try:
            words = await asyncio.wait_for(asyncio.wrap_future(given), PATIENCE_S)
        except UsageError as error:
            return as_json(Trouble(message=error.message, where=error.where, remedy=error.remedy), 409)
        except TimeoutError:
            message = f"the reconciler has taken it up in {PATIENCE_S:.0f} s neither for good nor for bad"
            remedy = "`reconciler rollout status` says how it stands; `reconciler status` what goes on"
            return as_json(Trouble(message=message, where=str(asked.about), remedy=remedy), 504)
        return as_json(Given(words=words))

    app.router.add_post("/orders", order)


def refuse_orders(app: web.Application) -> None:
    """At the TCP door."""

    async def order(_: web.Request) -> web.Response:
        message = (
            "orders are taken through the Unix socket only: nothing says who is at this connection's end"
        )
        remedy = "run `reconciler rollout ...` on the reconciler's machine, as the user that runs it"
        return as_json(Trouble(message=message, remedy=remedy), 403)

    app.router.add_post("/orders", order)


def _unknown(found: tuple[DeliveryStatus, ...] | None, about: Key) -> web.Response:
    if found is None:
        return as_json(NOTHING_YET, 503)
    return as_json(Trouble(message="it isn't delivered step by step", where=str(about)), 404)


def caller(request: web.Request) -> str:
    """`user@machine` of the process at the other end of the Unix socket."""
    transport = request.transport
    if transport is None:
        raise web.HTTPBadRequest(text="the connection is gone\n")
    peer = transport.get_extra_info("socket")
    raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return user_at_machine(_PEER.unpack(raw)[1])


def as_json(value: object, status: int = 200) -> web.Response:
    """What was asked for may be repeated in it, and is shown in terminals."""
    text = printable_json(msgspec.json.encode(value).decode())
    return web.Response(text=text, status=status, content_type="application/json")
