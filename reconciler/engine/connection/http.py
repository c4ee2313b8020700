"""One HTTP connection over any stream, kept alive between calls. Knows nothing of Docker."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from reconciler.engine.connection.link import Stream

Body = bytes | Iterable[bytes] | None

BROKEN = (OSError, HTTPException, EOFError)
"""What a call raises when its connection breaks or takes too long."""


class Connection(HTTPConnection):
    """Closed, it stays closed: http.client would dial again by itself."""

    def __init__(self, stream: Stream) -> None:
        super().__init__("docker")
        self.sock: Any = stream
        self.stream = stream

    @property
    def ended(self) -> bool:
        """Has the other side hung up? Asked between calls, when nothing may be on its way."""
        if not isinstance(self.sock, socket.socket):
            return bool(self.sock is None or self.sock.ended)
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    def connect(self) -> None:
        raise ConnectionResetError("the connection was closed")

    def send_request(
        self, method: str, target: str, body: Body, headers: Mapping[str, str], timeout: float | None
    ) -> HTTPResponse:
        """The response with its head read. `timeout` in seconds, for each wait."""
        self.stream.settimeout(timeout)
        chunked = body is not None and not isinstance(body, bytes)
        every = {"Transfer-Encoding": "chunked", **headers} if chunked else dict(headers)
        self.request(method, target, body=body, headers=every, encode_chunked=chunked)
        return self.getresponse()
