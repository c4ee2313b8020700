"""One request against real servers: what goes wrong on the way, redirects, bounds, streams through a node."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from reconciler.bounded import Stream
from reconciler.engine.probes.tls import TlsStream
from reconciler.errors import MeasurementError
from reconciler.measuring.fetch import MOST_BYTES, Reach, Request, fetch
from tests.measuring.server import Server, closed, dripping, serving, silent


def refused(request: Request, reach: Reach | None = None) -> str:
    with pytest.raises(MeasurementError) as caught:
        fetch(request, reach or Reach())
    return caught.value.line


def test_what_is_sent_and_what_comes_back() -> None:
    with serving({"ok": True}) as server:
        headers = (("X-Scope", "a"), ("accept", "text/plain"))
        answer = fetch(Request(url=f"{server.url}/a?b=c", method="PUT", headers=headers, body=b"x"), Reach())
    assert (answer.status, answer.body) == (200, b'{"ok": true}')
    asked = server.asked[0]
    assert (asked.method, asked.path, asked.body) == ("PUT", "/a?b=c", b"x")
    assert (asked.headers["x-scope"], asked.headers["accept"]) == ("a", "text/plain")
    assert asked.headers["host"] == server.url.removeprefix("http://")


def test_nobody_listens() -> None:
    assert "connection refused" in refused(Request(url=closed()))


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome"])
def test_a_server_that_falls_silent_costs_the_timeout_and_no_more(first: bytes) -> None:
    with silent(first) as url:
        began = time.monotonic()
        assert "no whole answer within 0.3 s" in refused(Request(url=url, timeout=0.3))
        assert time.monotonic() - began < 30


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("said", [b"HTTP/1.1 200 OK\r\nX: " + b"x" * 3000, CHUNKED + b"0" * 3000])
def test_a_server_that_gives_a_byte_now_and_then_costs_the_timeout_and_no_more(said: bytes) -> None:
    with dripping(said, 0.02) as url:
        began = time.monotonic()
        assert "no whole answer within 1.5 s" in refused(Request(url=url, timeout=1.5))
        assert time.monotonic() - began < 30, "all of it would take a minute"


def test_what_is_not_http() -> None:
    with silent(b"SSH-2.0-OpenSSH_9.6\r\n") as url:
        assert "the answer isn't HTTP" in refused(Request(url=url, timeout=30))


def test_an_answer_that_is_too_large() -> None:
    with serving(b"x" * (MOST_BYTES + 1)) as server:
        assert "larger than 1 MiB" in refused(Request(url=server.url))


def test_an_answer_that_is_cut_off() -> None:
    with serving(b"x", headers={"Content-Length": "5", "Connection": "close"}) as server:
        assert "cut off" in refused(Request(url=server.url, timeout=30))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/x", 'only http and https can be asked, not "ftp"'),
        ("file:///etc/passwd", "only http and https"),
        ("http://", "names no host"),
        ("http://host:99999/", "isn't a URL"),
        ("metrics", "only http and https"),
        ("http://a..b/", "names no host"),
        (f"http://{'a' * 64}/", "names no host"),
        ("http://127.0.0.1:1/a b", "can't be sent"),
    ],
)
def test_addresses_that_are_none(url: str, said: str) -> None:
    if "a b" in url:
        with serving({}) as server:
            assert said in refused(Request(url=f"{server.url}/a b"))
    else:
        assert said in refused(Request(url=url))


def test_a_header_that_cannot_be_sent_is_not_shown() -> None:
    with serving({}) as server:
        told = refused(Request(url=server.url, headers=(("X", "s3cret\nvalue"),)))
    assert "a header has a character" in told
    assert "s3cret" not in told


def redirecting(to: str, status: int = 302) -> Any:
    return lambda asked: (
        (200, {}, {"at": asked.path}) if asked.path == "/there" else (status, {"Location": to}, {})
    )


def test_a_redirect_is_followed_with_its_headers_on_the_same_host() -> None:
    with serving(redirecting("/there")) as server:
        answer = fetch(Request(url=server.url, headers=(("Authorization", "Basic x"),)), Reach())
    assert answer.body == b'{"at": "/there"}'
    assert server.asked[1].headers["authorization"] == "Basic x"


def test_credentials_do_not_go_to_another_host() -> None:
    with serving({}) as other, serving(redirecting(f"{other.url}/there")) as server:
        fetch(Request(url=server.url, headers=(("Authorization", "Basic x"), ("X", "y"))), Reach())
    assert "authorization" not in other.asked[0].headers
    assert other.asked[0].headers["x"] == "y"


def test_redirects_that_are_not_followed() -> None:
    with serving(redirecting("file:///etc/passwd")) as server:
        assert "only http and https" in refused(Request(url=server.url))
    with serving(redirecting("http://[")) as server:
        assert "redirects to what isn't a URL" in refused(Request(url=server.url))
    with serving(redirecting("/again")) as server:
        assert "redirects more than 5 times" in refused(Request(url=server.url))
    with serving(redirecting("/there", 307)) as server:
        assert "redirects a POST" in refused(Request(url=server.url, method="POST", body=b"x"))


def test_a_service_of_the_fleet_is_reached_through_a_node() -> None:
    with serving({"inside": 1}) as server:
        port = int(server.server_address[1])
        dialled: list[tuple[str, str, int]] = []

        def dial(namespace: str, host: str, at: int, seconds: float) -> Stream | None:
            dialled.append((namespace, host, at))
            return socket.create_connection(("127.0.0.1", port), timeout=seconds)

        answer = fetch(Request(url="http://metrics.default.svc/x"), Reach(dial=dial, namespace="x"))
    assert answer.body == b'{"inside": 1}'
    assert dialled == [("x", "metrics.default.svc", 80)]
    assert server.asked[0].headers["host"] == "metrics.default.svc"


def test_a_node_that_cannot_be_asked_is_told() -> None:
    def dial(namespace: str, host: str, port: int, seconds: float) -> Stream | None:
        raise OSError("no node of the fleet can be reached")

    assert "metrics:80: no node of the fleet" in refused(Request(url="http://metrics/"), Reach(dial=dial))


def test_an_untrusted_certificate_says_what_to_write(tls_server: tuple[str, Server]) -> None:
    url, _ = tls_server
    assert "insecure: true" in refused(Request(url=url, timeout=30))
    assert fetch(Request(url=url, timeout=30, insecure=True), Reach()).status == 200


class Channel:
    """As a node gives it: no socket."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.sendall, self.recv = stream.sendall, stream.recv
        self.settimeout, self.close = stream.settimeout, stream.close


def inside(url: str) -> Reach:
    """Every host is at `url`, through a node."""
    port = int(url.rpartition(":")[2])

    def dial(_namespace: str, _host: str, _port: int, seconds: float) -> Stream:
        return Channel(socket.create_connection(("127.0.0.1", port), timeout=seconds))

    return Reach(dial=dial, encrypt=TlsStream)


def test_https_through_a_node(tls_server: tuple[str, Server]) -> None:
    url, server = tls_server
    assert fetch(Request(url="https://web/x", timeout=30, insecure=True), inside(url)).body == b"{}"
    assert server.asked[0].path == "/x"


def test_a_handshake_through_a_node_ends_in_time_too() -> None:
    record = b"\x16\x03\x03\x40\x00" + b"x" * 3000  # of a handshake, and so long
    with dripping(record, 0.02) as url:
        began = time.monotonic()
        said = refused(Request(url="https://web/x", timeout=1.5, insecure=True), inside(url))
        assert "no whole answer within 1.5 s" in said
        assert time.monotonic() - began < 30
