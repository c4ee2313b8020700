"""What one try says, against servers in this process: gRPC's health check, TLS, redirects, silence."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from reconciler.engine.probes.probe import Target, failure
from reconciler.model.container import Container, ContainerPort
from reconciler.model.probe import GRPCAction, HTTPGetAction, HTTPHeader, Probe, TCPSocketAction
from tests.engine.pods import record
from tests.ports import free_port

Handler = Callable[[socket.socket], None]


class Dialled:
    """What of an Engine a probe over the network needs: every pod is this machine."""

    def dial(self, host: str, port: int, timeout: float) -> socket.socket:
        assert host == "10.42.7.20"
        return socket.create_connection(("127.0.0.1", port), timeout)


@contextmanager
def server(handler: Handler) -> Iterator[int]:
    """Serves one connection in a thread; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(60)

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            client.settimeout(60)
            handler(client)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(60)
        listener.close()


def target(port: int) -> Target:
    container = Container(name="app", image="i", ports=(ContainerPort(name="web", container_port=port),))
    return Target(Dialled(), "id", container, record("web", {"containers": [{"name": "app", "image": "i"}]}))


def patient(**what: Any) -> Probe:
    """A probe of which a busy machine is no failure."""
    return Probe(timeout_seconds=60, **what)


def http(answer: bytes, seen: list[bytes] | None = None) -> Handler:
    def handle(client: socket.socket) -> None:
        request = client.recv(4096)
        if seen is not None:
            seen.append(request)
        client.sendall(answer)

    return handle


@pytest.mark.parametrize(
    ("status", "fine"),
    [(200, True), (204, True), (302, True), (399, True), (400, False), (500, False), (199 + 304, False)],
)
def test_http_succeeds_from_200_to_399(status: int, fine: bool) -> None:
    answer = f"HTTP/1.1 {status} Word\r\nContent-Length: 0\r\nLocation: http://elsewhere/\r\n\r\n".encode()
    with server(http(answer)) as port:
        found = failure(target(port), patient(http_get=HTTPGetAction(port="web")))
    assert (found == "") is fine
    assert fine or str(status) in found


def test_http_sends_the_headers_that_were_asked_for() -> None:
    seen: list[bytes] = []
    headers = (HTTPHeader(name="host", value="shop.example"), HTTPHeader(name="X-A", value="b"))
    action = HTTPGetAction(port="web", path="health?x=1", http_headers=headers)
    with server(http(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen)) as port:
        assert failure(target(port), patient(http_get=action)) == ""
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /health?x=1 HTTP/1.1"
    assert [x for x in lines if x.lower().startswith("host:")] == ["host: shop.example"]
    assert "X-A: b" in lines


def test_http_sends_what_is_no_ascii_as_go_does_and_never_another_header() -> None:
    seen: list[bytes] = []
    headers = (HTTPHeader(name="X-A", value="größe"),)
    action = HTTPGetAction(port="web", path="/größe 1?x=%2F", http_headers=headers)
    with server(http(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", seen)) as port:
        assert failure(target(port), patient(http_get=action)) == ""
    lines = seen[0].decode().split("\r\n")
    assert lines[0] == "GET /gr%C3%B6%C3%9Fe%201?x=%2F HTTP/1.1"
    assert "X-A: größe" in lines
    smuggled = HTTPGetAction(port="web", http_headers=(HTTPHeader(name="X-A", value="a\r\nX-B: s3cret"),))
    with server(http(b"", seen)) as port:
        found = failure(target(port), patient(http_get=smuggled))
    assert "nothing that HTTP can carry" in found and "s3cret" not in found
    assert b"X-B" not in b"".join(seen)


@pytest.mark.programs("openssl")
def test_https_trusts_the_pods_own_certificate(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=nobody",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
        timeout=30,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def handle(client: socket.socket) -> None:
        with context.wrap_socket(client, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with server(handle) as port:
        assert failure(target(port), patient(http_get=HTTPGetAction(port=port, scheme="HTTPS"))) == ""


def test_silence_is_a_timeout_with_words() -> None:
    def handle(client: socket.socket) -> None:
        client.recv(4096)
        client.recv(4096)

    with server(handle) as port, pytest.raises(TimeoutError, match="no answer within 1 s"):
        failure(target(port), Probe(http_get=HTTPGetAction(port=port)))


def test_an_answer_that_never_ends_ends_in_time() -> None:
    """Each byte comes soon enough; all of them never come."""

    def handle(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(600):
                client.sendall(b"x")
                time.sleep(0.1)

    began = time.monotonic()
    with server(handle) as port, pytest.raises(TimeoutError, match="no answer within 1 s"):
        failure(target(port), Probe(http_get=HTTPGetAction(port=port)))
    assert time.monotonic() - began < 30


def test_nothing_there_is_refused() -> None:
    port = free_port()
    assert "connection refused" in failure(target(port), patient(tcp_socket=TCPSocketAction(port=port)))


def grpc(status: str, body: bytes) -> Handler:
    def handle(client: socket.socket) -> None:
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        client.sendall(connection.data_to_send())
        while data := client.recv(4096):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    assert dict(event.headers)[b":path"] == b"/grpc.health.v1.Health/Check"
                if isinstance(event, StreamEnded):
                    number = event.stream_id
                    connection.send_headers(
                        number, [(":status", "200"), ("content-type", "application/grpc")]
                    )
                    connection.send_data(number, body)
                    connection.send_headers(number, [("grpc-status", status)], end_stream=True)
            client.sendall(connection.data_to_send())

    return handle


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("0", b"\x00\x00\x00\x00\x02\x08\x01", ""),
        ("0", b"\x00\x00\x00\x00\x02\x08\x02", "NOT_SERVING"),
        ("0", b"\x00\x00\x00\x00\x00", "UNKNOWN"),
        ("12", b"", "doesn't implement"),
        ("5", b"", "gRPC status 5"),
    ],
)
def test_grpc_wants_serving(status: str, body: bytes, words: str) -> None:
    with server(grpc(status, body)) as port:
        found = failure(target(port), patient(grpc=GRPCAction(port=port, service="shop")))
    assert (found == "") is (words == "")
    assert words in found


def test_what_speaks_no_grpc_is_told_so() -> None:
    with server(http(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        found: Any = failure(target(port), patient(grpc=GRPCAction(port=port)))
    assert found
