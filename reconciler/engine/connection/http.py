"""One HTTP connection over any stream, kept alive between calls. Knows nothing of Docker."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from math import inf
from typing import Any, NamedTuple

from reconciler.bounded import Bounded, TooLong
from reconciler.engine.connection.link import Stream

Body = bytes | Iterable[bytes] | None

BROKEN = (OSError, HTTPException, EOFError)
"""What a call raises when its connection breaks, takes too long, or gives more than is read."""


class Limits(NamedTuple):
    """Of one request with its answer: seconds for each wait (None: for ever), seconds and bytes in all."""

    wait: float | None
    seconds: float = inf
    most: float = inf
    brief: bool = False
    """It may take what is kept free of calls that last (`sessions.RESERVED`)."""


def whole(response: HTTPResponse, most: int) -> bytes:
    """All of an answer whose connection gives `most` bytes. Raises `BROKEN`.

    Asked for no number, http.client takes memory for as many as a chunk says that it has.
    """
    try:
        return response.read(most + 1) if response.chunked else response.read()
    except ValueError as error:
        raise HTTPException("a chunk whose length is none") from error


class Connection(HTTPConnection):
    """Closed, it stays closed: http.client would dial again by itself."""

    def __init__(self, stream: Stream) -> None:
        super().__init__("docker")
        self.stream: Any = stream
        self.sock: Any
        self.sock = self._bounded = Bounded(stream)

    @property
    def ended(self) -> bool:
        """Has the other side hung up? Asked between calls, when nothing may be on its way."""
        if self.sock is None:
            return True
        if not isinstance(self.stream, socket.socket):
            return bool(self.stream.ended)
        poll = select.poll()
        poll.register(self.stream, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def scarce(self) -> bool:
        """Others may wait for what it takes (`ssh.SESSIONS`)."""
        return bool(getattr(self.stream, "scarce", False))

    def connect(self) -> None:
        raise ConnectionResetError("the connection was closed")

    def send_request(
        self,
        method: str,
        target: str,
        body: Body,
        headers: Mapping[str, str],
        limits: Limits,
    ) -> HTTPResponse:
        """The response with its head read. Raises `BROKEN`."""
        self._bounded.allow(limits.wait, limits.seconds, limits.most)
        chunked = body is not None and not isinstance(body, bytes)
        every = {"Transfer-Encoding": "chunked", **headers} if chunked else dict(headers)
        self.request(method, target, body=body, headers=every, encode_chunked=chunked)
        response = self.getresponse()
        if (response.length or 0) > limits.most:
            raise TooLong(f"{response.length} bytes; {limits.most:.0f} are read")
        return response
