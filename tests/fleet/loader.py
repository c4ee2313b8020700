"""A strict client of one URL: it asks steadily, and counts every request that a user would have seen fail.

`python loader.py URL CONNECTIONS RATE KEEP_ALIVE TIMEOUT HOST` runs until its stdin ends; stdlib only. It
says `started` once each connection has made a request, and in the end one JSON object (`load.Result`).

With keep-alive a connection is used again until the server announces `Connection: close`. A server may also
close one that rests: what is noticed before the next request is sent is counted as `closed_idle` and no
failure, as no client would tell its user. What breaks in the sending or later has failed, even though
some clients would try again. Nothing is ever tried again.

An `https` URL is asked by TLS; whose certificate the server has is not looked at.

The rate is a ceiling: a connection that is late goes on from now. Latency counts from the sending, or from
the connecting where the request needs a new connection.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import json
import select
import socket
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

KEPT = 200
"""Failures of which time and reason are kept."""


class Failed(Exception):
    """A request that wasn't answered as it must be; its text is the reason."""


class Tally:
    """What the connections saw, together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latencies: list[float] = []
        self.failures: list[tuple[float, float, str]] = []
        self.reasons: collections.Counter[str] = collections.Counter()
        self.failed_from, self.failed_until = 0.0, 0.0
        self.opened = self.closed_idle = 0
        self.seen: dict[str, list[float]] = {}

    def ok(self, body: str, sent: float, now: float) -> None:
        with self.lock:
            self.latencies.append(now - sent)
            seen = self.seen.setdefault(" ".join(body.split()[:2]), [0, now, now])
            seen[0] += 1
            seen[2] = now

    def failed(self, reason: str, sent: float, now: float) -> None:
        with self.lock:
            self.failed_from = self.failed_from or sent
            self.failed_until = now
            self.reasons[reason] += 1
            if len(self.failures) < KEPT:
                self.failures.append((sent, now, reason))

    def result(self, seconds: float) -> dict[str, object]:
        ordered = sorted(self.latencies)
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1.0}
        return {
            "ok": len(ordered),
            "failed": sum(self.reasons.values()),
            "reasons": self.reasons,
            "failures": self.failures,
            "failed_from": self.failed_from,
            "failed_until": self.failed_until,
            "opened": self.opened,
            "closed_idle": self.closed_idle,
            "seconds": seconds,
            "latency": {n: ordered[min(len(ordered) - 1, int(s * len(ordered)))] for n, s in shares.items()}
            if ordered
            else {},
            "seen": self.seen,
        }


class Connection:
    """One at a time, made anew when it must be."""

    def __init__(self, url: str, host: str, tally: Tally, *, keep_alive: bool, timeout: float) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "https"
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        self._name = host or self._host
        self._keep, self._timeout, self._tally = keep_alive, timeout, tally
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host or parts.netloc}\r\nUser-Agent: strict\r\n"
            f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
        ).encode()
        self._sock: socket.socket | None = None
        self._got = b""
        self._deadline = 0.0

    def ask(self) -> None:
        """One request, counted."""
        self._let_go_of_closed()
        sent = time.time()
        self._deadline = time.monotonic() + self._timeout
        try:
            body = self._exchange()
        except Failed as error:
            self.close()
            self._tally.failed(str(error), sent, time.time())
        except OSError as error:
            self.close()
            self._tally.failed(_reason(error), sent, time.time())
        else:
            self._tally.ok(body, sent, time.time())

    def close(self) -> None:
        if self._sock:
            self._sock.close()
        self._sock, self._got = None, b""

    def _let_go_of_closed(self) -> None:
        """A reset with nothing under way harms nobody either; bytes that nobody asked for show later."""
        if not self._sock or not select.select([self._sock], [], [], 0)[0]:
            return
        try:
            # What TLS 1.2 has to say between requests is that it ends.
            rests = not self._tls and self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        except OSError:
            rests = False
        if not rests:
            self._tally.closed_idle += 1
            self.close()

    def _exchange(self) -> str:
        if not self._sock:
            self._sock = socket.create_connection((self._host, self._port), self._timeout)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                self._sock = tls_context().wrap_socket(self._sock, server_hostname=self._name)
            self._tally.opened += 1
        self._sock.settimeout(self._left())
        self._sock.sendall(self._request)
        head = self._until(b"\r\n\r\n", "eof").decode("latin-1")
        status, *lines = head.split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        if not status.startswith("HTTP/1."):
            raise Failed("not HTTP")
        body = self._body(headers)
        if not self._keep or headers.get("connection", "").lower() == "close" or status[:8] == "HTTP/1.0":
            self.close()
        elif self._got:
            raise Failed("bytes after the answer")
        if status[9:12] != "200":
            raise Failed(f"status {status[9:12]}")
        return body.decode("utf-8", "replace")

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        raise Failed("no length")  # its end could not be told from a break

    def _chunk(self) -> bytes:
        try:
            size = int(self._until(b"\r\n", "truncated").split(b";")[0], 16)
        except ValueError:
            raise Failed("not HTTP") from None
        data = self._exactly(size)
        self._exactly(2)
        return data

    def _until(self, mark: bytes, otherwise: str) -> bytes:
        while mark not in self._got:
            self._more(otherwise if not self._got else "truncated")
        found, _, self._got = self._got.partition(mark)
        return found

    def _exactly(self, size: int) -> bytes:
        while len(self._got) < size:
            self._more("truncated")
        found, self._got = self._got[:size], self._got[size:]
        return found

    def _more(self, otherwise: str) -> None:
        assert self._sock
        self._sock.settimeout(self._left())
        data = self._sock.recv(65536)
        if not data:
            raise Failed(otherwise)
        self._got += data

    def _left(self) -> float:
        """However slowly the bytes trickle, a request has one deadline."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


@functools.cache
def tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # 1.3 speaks when it likes (tickets)
    return context


def _reason(error: OSError) -> str:
    kinds = {
        ConnectionRefusedError: "refused",
        ConnectionResetError: "reset",
        BrokenPipeError: "reset",
        TimeoutError: "timeout",
        socket.gaierror: "no such name",
    }
    return next(
        (word for kind, word in kinds.items() if isinstance(error, kind)), f"{error.strerror or error}"
    )


def work(
    connection: Connection, first: float, every: float, started: threading.Barrier, stop: threading.Event
) -> None:
    due = first
    stop.wait(max(0.0, due - time.monotonic()))
    connection.ask()
    with contextlib.suppress(threading.BrokenBarrierError):
        started.wait()
    while not stop.is_set():
        due = max(due + every, time.monotonic())
        if not stop.wait(max(0.0, due - time.monotonic())):
            connection.ask()
    connection.close()


def main(url: str, connections: int, rate: float, keep_alive: bool, timeout: float, host: str) -> None:
    tally, stop = Tally(), threading.Event()
    started = threading.Barrier(connections + 1)
    began, every = time.monotonic(), connections / rate
    threads = [
        threading.Thread(
            target=work,
            args=(
                Connection(url, host, tally, keep_alive=keep_alive, timeout=timeout),
                began + every * number / connections,
                every,
                started,
                stop,
            ),
        )
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    try:
        started.wait()
        print("started", flush=True)
        sys.stdin.read()
    finally:  # also when Ctrl-C comes, or nobody reads any more: the threads would go on for ever
        stop.set()
        started.abort()
    for thread in threads:
        thread.join()
    print(json.dumps(tally.result(time.monotonic() - began)), flush=True)


if __name__ == "__main__":
    main(
        sys.argv[1],
        int(sys.argv[2]),
        float(sys.argv[3]),
        sys.argv[4] == "True",
        float(sys.argv[5]),
        sys.argv[6],
    )
