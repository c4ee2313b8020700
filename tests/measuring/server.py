"""A real HTTP server on loopback that answers as a test wants it to, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from tests.listening import silence
from tests.ports import free_port


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Server(ThreadingHTTPServer):
    """`answer` makes (status, headers, body) of what is asked; bytes are sent as they are."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Asked], tuple[int, dict[str, str], Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.asked: list[Asked] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        self.server.asked.append(asked)
        status, headers, said = self.server.answer(asked)
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serving(answer: Any, status: int = 200, headers: dict[str, str] | None = None) -> Iterator[Server]:
    """`answer` for every request, or a function that makes one."""
    made = answer if callable(answer) else lambda _: (status, headers or {}, answer)
    server = Server(made)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent(first: bytes = b"") -> Iterator[str]:
    """Takes connections, sends `first`, and says nothing more."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def take() -> None:
            while True:
                try:
                    taken, _ = door.accept()
                except OSError:
                    return
                held.append(taken)
                taken.sendall(first)

        threading.Thread(target=take, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            silence(door)
    for taken in held:
        taken.close()


@contextmanager
def dripping(said: bytes, every: float) -> Iterator[str]:
    """Sends one byte, waits so many seconds, sends the next, until nobody is there any more."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def drip() -> None:
            try:
                with door.accept()[0] as taken:
                    for byte in said:
                        taken.sendall(bytes([byte]))
                        time.sleep(every)
            except OSError:
                return

        threading.Thread(target=drip, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            silence(door)


def closed() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"
