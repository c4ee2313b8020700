"""A server that behaves as real programs do, to try a network with: HTTP/1.1, and echoes over TCP and UDP.

It runs in a container as `python sample_app.py`, so it must need nothing but the standard library. On
SIGTERM it does what Go's net/http does: stops listening and closes idle connections at once, answers what
is under way with `Connection: close`, then exits 0. Whoever sends it work after SIGTERM loses that.

HTTP on $PORT (8080):
  /healthz      ok; 503 once /fail was asked for
  /slow?ms=500  as /, later
  /fail, /mend  from now on every other path answers 500, and is well again
  /request      the head of the request, as it came
  /             `VERSION POD CLIENT`: $VERSION, the host name, the address that the connection is from
  A request with `Upgrade:` is answered 101, a websocket's as RFC 6455 has it; every byte after it comes back.
TCP on $TCP_PORT (9000): first says `VERSION POD CLIENT`, as mail servers and MySQL do; then an echo.
UDP on $UDP_PORT (9001): answers each datagram with `VERSION POD CLIENT ` and the datagram.
$BAD set: a version that is no good, but can't be told by /healthz. $FAIL_EVERY=20: each 20th answer is a 500.
"""

from __future__ import annotations

import hashlib
import heapq
import os
import selectors
import signal
import socket
import time
from binascii import b2a_base64
from collections.abc import Callable

VERSION, POD = os.environ.get("VERSION", "v0"), socket.gethostname()
REASONS = {200: "OK", 411: "Length Required", 500: "Internal Server Error", 503: "Service Unavailable"}

WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 4.2.2."""


def listen(port: int, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", port))
    if kind == socket.SOCK_STREAM:
        made.listen(511)
    made.setblocking(False)
    return made


class Server:
    """One loop for everything. `connections` holds those of HTTP and of the TCP echo."""

    def __init__(self, http: int, tcp: int, udp: int, *, bad: bool = False, fail_every: int = 0) -> None:
        self.loop = selectors.DefaultSelector()
        self.bad, self.failing, self.stopping = bad, False, False
        self.fail_every, self.pages = fail_every, 0
        self.connections: set[Connection] = set()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._listeners = [listen(http, socket.SOCK_STREAM), listen(tcp, socket.SOCK_STREAM)]
        self._udp = listen(udp, socket.SOCK_DGRAM)
        for listener, kind in zip(self._listeners, (Http, Echo), strict=True):
            self.loop.register(listener, selectors.EVENT_READ, self._accepting(listener, kind))
        self.loop.register(self._udp, selectors.EVENT_READ, self._answer)
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        self.loop.register(woken, selectors.EVENT_READ, self.stop)
        signal.set_wakeup_fd(waker.fileno())
        self._woken, self._waker = woken, waker

    def run(self) -> None:
        """Until SIGTERM and the end of what was under way."""
        while not (self.stopping and not self.connections):
            wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            for key, _ in self.loop.select(wait):
                key.data()
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()

    def later(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (time.monotonic() + seconds, id(then), then))

    def stop(self) -> None:
        self.stopping = True
        signal.set_wakeup_fd(-1)
        for ours in (*self._listeners, self._udp, self._woken):
            self.loop.unregister(ours)
            ours.close()
        for connection in list(self.connections):
            if not connection.busy:
                connection.close()

    def _accepting(self, listener: socket.socket, kind: type[Connection]) -> Callable[[], None]:
        def accept() -> None:
            try:
                connection, (client, _) = listener.accept()
            except OSError:
                return  # it went away again
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            kind(self, connection, client)

        return accept

    def _answer(self) -> None:
        try:
            data, client = self._udp.recvfrom(65536)
            self._udp.sendto(f"{VERSION} {POD} {client[0]} ".encode() + data, client)
        except OSError:
            return  # a datagram may be lost, by the protocol's word


class Connection:
    """Bytes in, bytes out; both kinds answer less than a socket's buffer holds, or wait for it."""

    busy = False

    def __init__(self, server: Server, sock: socket.socket, client: str) -> None:
        self.server, self.sock, self.client = server, sock, client
        server.connections.add(self)
        server.loop.register(sock, selectors.EVENT_READ, self.readable)

    def readable(self) -> None:
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.take(data)
        else:
            self.close()

    def take(self, data: bytes) -> None:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        try:
            self.sock.setblocking(True)
            self.sock.settimeout(5.0)
            self.sock.sendall(data)
            self.sock.setblocking(False)
        except OSError:
            self.close()

    def close(self) -> None:
        if self in self.server.connections:
            self.server.connections.remove(self)
            self.server.loop.unregister(self.sock)
            self.sock.close()


class Echo(Connection):
    def __init__(self, server: Server, sock: socket.socket, client: str) -> None:
        super().__init__(server, sock, client)
        self.send(f"{VERSION} {POD} {client}\n".encode())

    def take(self, data: bytes) -> None:
        self.send(data)


class Http(Connection):
    """`busy` from the first byte of a request to the last of its answer."""

    def __init__(self, server: Server, sock: socket.socket, client: str) -> None:
        super().__init__(server, sock, client)
        self._got, self._upgraded, self._answering = b"", False, False

    def take(self, data: bytes) -> None:
        if self._upgraded:
            self.send(data)
            return
        self._got += data
        self._next()

    def _next(self) -> None:
        self.busy = bool(self._got)
        head, end, rest = self._got.partition(b"\r\n\r\n")
        if self._answering or not end:
            return
        text = head.decode("latin-1")
        request, *lines = text.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return
        self._got = rest[length:]
        self._request(text, request, headers)

    def _request(self, head: str, request: str, headers: dict[str, str]) -> None:
        method, target, protocol = f"{request}  ".split(" ")[:3]
        path, _, query = target.partition("?")
        keep = protocol.endswith("1.1") and headers.get("connection", "").lower() != "close"
        if "upgrade" in headers:
            self._upgrade(headers["upgrade"], headers.get("sec-websocket-key", ""))
            return
        if "transfer-encoding" in headers:
            self._answer(411, "", keep=False, body=True)
            return
        status, text = self._page(path, head)
        wait = float(query.partition("ms=")[2] or 0) / 1000 if path == "/slow" else 0.0
        self._answering = True

        def now() -> None:
            self._answering = False
            self._answer(status, text, keep=keep, body=method != "HEAD")

        self.server.later(wait, now) if wait else now()

    def _page(self, path: str, head: str) -> tuple[int, str]:
        server = self.server
        if path in ("/fail", "/mend"):
            server.failing = path == "/fail"
        elif path == "/healthz":
            return (503, "failing\n") if server.failing else (200, "ok\n")
        elif server.bad or server.failing:
            return 500, f"{VERSION} {POD} is no good\n"
        server.pages += 1
        if server.fail_every and server.pages % server.fail_every == 0:
            return 500, f"{VERSION} {POD} fails now and then\n"
        return 200, head if path == "/request" else f"{VERSION} {POD} {self.client}\n"

    def _answer(self, status: int, text: str, *, keep: bool, body: bool) -> None:
        keep = keep and not self.server.stopping
        lines = [
            f"HTTP/1.1 {status} {REASONS[status]}",
            "Content-Type: text/plain",
            f"Content-Length: {len(text.encode())}",
            f"Connection: {'keep-alive' if keep else 'close'}",
        ]
        self.send("\r\n".join([*lines, "", text if body else ""]).encode())
        if keep:
            self._next()
        else:
            self.close()

    def _upgrade(self, protocol: str, key: str) -> None:
        self._upgraded, self.busy = True, False
        lines = ["HTTP/1.1 101 Switching Protocols", f"Upgrade: {protocol}", "Connection: Upgrade"]
        if key:
            digest = hashlib.sha1(f"{key}{WEBSOCKET}".encode(), usedforsecurity=False).digest()
            lines.append(f"Sec-WebSocket-Accept: {b2a_base64(digest, newline=False).decode()}")
        self.send("\r\n".join([*lines, "", ""]).encode())
        if self._got:
            self.send(self._got)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: None)  # the wake-up tells the loop
    ports = [
        int(os.environ.get(name, port))
        for name, port in (("PORT", 8080), ("TCP_PORT", 9000), ("UDP_PORT", 9001))
    ]
    fail_every = int(os.environ.get("FAIL_EVERY", "0"))
    Server(*ports, bad=bool(os.environ.get("BAD")), fail_every=fail_every).run()


if __name__ == "__main__":
    main()
