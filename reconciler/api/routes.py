"""Which paths there are behind each door, and what they answer."""

from __future__ import annotations

from aiohttp import web

from reconciler.api.callers import moderate
from reconciler.api.daemon import Daemon, Verify
from reconciler.api.orders import as_json, refuse_orders, take_orders, tell_rollouts
from reconciler.api.stream import follow
from reconciler.api.webhook import MAX_BODY, webhook
from reconciler.printable import one_line


def public_app(daemon: Daemon, verify: Verify | None) -> web.Application:
    """Behind the TCP door: nothing that changes anything, but for signed webhooks that wake the loop."""
    app = web.Application(client_max_size=MAX_BODY, middlewares=[moderate()])
    _tell(app, daemon)
    refuse_orders(app)
    if verify is not None:
        app.router.add_post("/webhook", webhook(daemon.wake, verify))
    return app


def private_app(daemon: Daemon) -> web.Application:
    """Behind the Unix socket: its file's rights say who may."""
    app = web.Application()
    _tell(app, daemon)

    async def wake(_: web.Request) -> web.Response:
        daemon.wake()
        return web.Response(text="awake\n", status=202)

    async def observed(_: web.Request) -> web.Response:
        return as_json(daemon.observed())

    async def objects(_: web.Request) -> web.Response:
        return as_json(daemon.objects())

    take_orders(app, daemon)
    app.router.add_post("/wake", wake)
    app.router.add_get("/observed", observed)
    app.router.add_get("/objects", objects)
    app.router.add_get("/follow/{revision}", follow(app, daemon.followers))
    return app


def _tell(app: web.Application, daemon: Daemon) -> None:
    async def healthz(_: web.Request) -> web.Response:
        ok, line = daemon.healthy()
        return web.Response(text=f"{one_line(line)}\n", status=200 if ok else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=daemon.metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    async def status(_: web.Request) -> web.Response:
        return as_json(daemon.overview())

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/status", status)
    tell_rollouts(app, daemon)
