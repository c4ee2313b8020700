"""A Docker Engine's manners on a Unix socket: it says what a test tells it to, byte for byte."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from reconciler.engine.connection.answers import decoder
from tests.listening import silence

PING = (
    b"HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\nDate: Fri, 20 Nov 2026 12:00:00 GMT\r\n"
    b"Content-Length: 2\r\n\r\nOK"
)


def answer(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Asked:
    """For stand-ins of the client that answer `call`: what they say is checked as an Engine's answers are."""

    def call(self, method: str, path: str, **options: Any) -> Any:
        raise NotImplementedError

    def ask(self, kind: Any, method: str, path: str, **options: Any) -> Any:
        return decoder(kind).decode(msgspec.json.encode(self.call(method, path, **options)))


class FakeEngine:
    """`say(request head) -> bytes` for each request; None hangs up. `connections` counts them."""

    def __init__(self, path: Path, say: Callable[[str], bytes | None]) -> None:
        self.path, self.say = path, say
        self.requests: list[str] = []
        self.connections = 0
        self.ping = PING
        self.mute = False
        """While true it takes requests and answers none."""
        self.refuse = False
        """While true it hangs up on every request."""
        self.open: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(256)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the client, or `hang_up`, ended it
            self._answer(peer)

    def _answer(self, peer: socket.socket) -> None:
        rest = b""
        while True:
            while b"\r\n\r\n" not in rest:
                data = peer.recv(65536)
                if not data:
                    return
                rest += data
            head, rest = rest.split(b"\r\n\r\n", 1)
            rest = self._body(peer, head, rest)
            request = head.decode().split(" HTTP/1.1")[0]
            self.requests.append(request)
            if self.mute:
                continue
            said = None if self.refuse else self.ping if request.endswith(" /_ping") else self.say(request)
            if said is None:
                peer.shutdown(socket.SHUT_RDWR)
                peer.close()
                return
            peer.sendall(said)
            if b"Connection: close" in said:
                peer.shutdown(socket.SHUT_RDWR)
                return

    def _body(self, peer: socket.socket, head: bytes, rest: bytes) -> bytes:
        """What follows the request's body."""
        if b"Transfer-Encoding: chunked" in head:
            while not rest.endswith(b"0\r\n\r\n"):
                rest += peer.recv(65536)
            return b""
        length = next(
            (int(h.split(b":")[1]) for h in head.split(b"\r\n") if h.startswith(b"Content-Length")), 0
        )
        while len(rest) < length:
            rest += peer.recv(65536)
        return rest[length:]

    def hang_up(self) -> None:
        """As an Engine does that is restarted."""
        for peer in self.open:
            peer.shutdown(socket.SHUT_RDWR)
            peer.close()
        self.open.clear()

    def close(self) -> None:
        silence(self._listener)


@contextmanager
def fake_engine(path: Path, say: Callable[[str], bytes | None]) -> Iterator[FakeEngine]:
    engine = FakeEngine(path, say)
    try:
        yield engine
    finally:
        engine.close()
