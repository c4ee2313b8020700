"""One connection to a door: what it does at the moment, and how long it may.

Bytes go on to aiohttp's own protocol. That one bounds the size of a request; time, it doesn't: a
connection that says nothing, or a byte now and then, would be kept for an hour.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from ipaddress import ip_address
from typing import Literal

from aiohttp.web_protocol import RequestHandler

from reconciler.model.base import Value

Doing = Literal["idle", "asking", "answered"]


class Patience(Value):
    """Seconds that a connection may take; None for as long as it likes."""

    idle: float = 75.0
    """Between two requests, and to read an answer (a proxy in front usually lets go after 60)."""
    asking: float = 10.0
    """From its first byte, or its being opened, to the end of a request's head."""
    answered: float | None = 60.0
    """From the head of a request to its answer."""


class Visitor(asyncio.Protocol):
    """`gone` is called once, when the connection has ended: nobody uses `link` any more."""

    def __init__(
        self, inner: RequestHandler, link: socket.socket, origin: str, gone: Callable[[Visitor], None]
    ) -> None:
        self.inner, self.link, self.origin = inner, link, origin
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self.doing: Doing = "asking"
        self.since = asyncio.get_running_loop().time()

    def begin(self, doing: Doing) -> None:
        self.doing, self.since = doing, asyncio.get_running_loop().time()

    def overdue(self, patience: Patience, now: float) -> bool:
        limit: float | None = getattr(patience, self.doing)
        return limit is not None and now - self.since > limit

    def turn_out(self) -> None:
        """End the connection now, whatever it has not read yet."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if self.doing == "idle":
            self.begin("asking")
        self.inner.data_received(data)

    def eof_received(self) -> None:
        self.inner.eof_received()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()

    def connection_lost(self, error: BaseException | None) -> None:
        self._transport = None
        try:
            self.inner.connection_lost(error)
        finally:
            self._gone(self)


def origin(address: object) -> str:
    """Whose connections count together: an IPv4 address, an IPv6 network of 64 bits; "" of a Unix socket."""
    if not (isinstance(address, tuple) and address):
        return ""
    host = ip_address(str(address[0]).partition("%")[0])
    if host.version == 4:
        return str(host)
    return str(host.ipv4_mapped or host.exploded[:19])
