"""A pod on loopback: an HTTP/1.1 server that says who it is and what it heard; or one that speaks first."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reconciler.model.traffic import Endpoint
from tests.engine.rendering.samples import endpoint
from tests.listening import silence

WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.server.heard.append(self.path)
        if self.headers.get("Upgrade") == "websocket":
            return self._echo()
        if self.path.startswith("/slow"):
            time.sleep(8.0 if "very" in self.path else 0.4)
        if self.path.startswith("/close"):
            self.close_connection = True
            return None
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = {"pod": self.connection.getsockname()[0], "headers": headers, "path": self.path}
        body = json.dumps(said).encode()
        self.send_response(500 if self.path.startswith("/500") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None

    def _echo(self) -> None:
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")  # RFC 6455, 1.3
        self.end_headers()
        self.connection.sendall(self.connection.recv(100))
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        super().__init__(address, handler)
        self.heard: list[str] = []
        """The path of each request, when it comes."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a check connects and leaves


class Pod:
    """Listens at once. `ip` is one of 127.0.0.0/8."""

    def __init__(self, ip: str, tls: ssl.SSLContext | None = None) -> None:
        self.server = _Server((ip, 0), _Handler)
        if tls:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.ip, self.port = ip, self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def endpoint(self, **fields: Any) -> Endpoint:
        return endpoint(f"pod-{self.ip.rsplit('.')[-1]}", self.ip, port=self.port, **fields)

    def heard(self, path: str) -> bool:
        return path in self.server.heard

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Greeter:
    """Speaks first, as SSH and SMTP do, then says back what it hears."""

    def __init__(self, ip: str) -> None:
        self.listening = socket.create_server((ip, 0))
        self.ip, self.port = ip, self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def endpoint(self, **fields: Any) -> Endpoint:
        return endpoint("greeter", self.ip, port=self.port, **fields)

    def stop(self) -> None:
        silence(self.listening)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(b"hello\n")
                while heard := connection.recv(1000):
                    connection.sendall(heard)
            except OSError:
                return


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.01)


def get(
    address: tuple[str, int], path: str = "/", host: str = "x", **headers: str
) -> tuple[int, dict[str, Any], http.client.HTTPResponse]:
    """Status, what the pod said (if it was one), and the response, over a connection of its own."""
    line = http.client.HTTPConnection(*address, timeout=30)
    try:
        line.request("GET", path, headers={"Host": host, **headers})
        response = line.getresponse()
        body = response.read()
        return (
            response.status,
            json.loads(body) if body.startswith(b"{") else {"text": body.decode()},
            response,
        )
    finally:
        line.close()
