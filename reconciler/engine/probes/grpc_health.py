"""The gRPC health check: one unary call of grpc.health.v1.Health/Check over HTTP/2 without TLS.

Source of the rule: https://github.com/grpc/grpc/blob/master/doc/health-checking.md; Kubernetes takes only the
status SERVING for success. `h2` speaks HTTP/2; a gRPC library would be 10 MB for two messages of one field.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from reconciler.engine.connection.link import Stream

if TYPE_CHECKING:
    from h2.connection import H2Connection

_PATH = "/grpc.health.v1.Health/Check"
SERVING = 1
_STATUS = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


def failure(stream: Stream, authority: str, service: str, end: float) -> str:
    """Why it isn't SERVING; empty when it is. `end` is on `time.monotonic`. Raises OSError."""
    from h2.connection import H2Connection
    from h2.exceptions import ProtocolError

    connection = H2Connection()
    try:
        connection.initiate_connection()
        number = connection.get_next_available_stream_id()
        connection.send_headers(number, _headers(authority))
        connection.send_data(number, request(service), end_stream=True)
        stream.sendall(connection.data_to_send())
        return _verdict(*_answer(connection, stream, end), service)
    except ProtocolError as error:
        return f"{authority}: it doesn't speak gRPC: {error or type(error).__name__}"


def request(service: str) -> bytes:
    """gRPC's frame around HealthCheckRequest{service = 1}."""
    name = service.encode()
    message = b"\x0a" + _varint(len(name)) + name if name else b""
    return b"\x00" + len(message).to_bytes(4, "big") + message


def serving_status(data: bytes) -> int:
    """Field 1 of HealthCheckResponse; proto3 leaves out a zero."""
    message = data[5 : 5 + int.from_bytes(data[1:5], "big")]
    return message[1] if len(message) >= 2 and message[0] == 0x08 else 0


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _headers(authority: str) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", _PATH),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ]


def _answer(connection: H2Connection, stream: Stream, end: float) -> tuple[dict[str, str], bytes]:
    """Headers with trailers, and the body."""
    from h2 import events

    headers: dict[str, str] = {}
    body = b""
    while True:
        if (left := end - monotonic()) <= 0:
            raise TimeoutError
        stream.settimeout(left)
        if not (data := stream.recv(16384)):
            raise ConnectionResetError("the connection was closed before the answer")
        for event in connection.receive_data(data):
            if isinstance(event, events.ResponseReceived | events.TrailersReceived):
                headers |= {_text(k): _text(v) for k, v in event.headers or []}
            elif isinstance(event, events.DataReceived):
                body += event.data or b""
            elif isinstance(event, events.StreamEnded):
                return headers, body
            elif isinstance(event, events.StreamReset | events.ConnectionTerminated):
                raise ConnectionResetError("the call was refused")
        if out := connection.data_to_send():
            stream.sendall(out)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _verdict(headers: dict[str, str], body: bytes, service: str) -> str:
    code = headers.get("grpc-status", "0")
    if code == "12":
        return "the server doesn't implement the gRPC health protocol (grpc.health.v1.Health)"
    if code != "0":
        return f'gRPC status {code}: {headers.get("grpc-message", "")} (service "{service}")'
    status = serving_status(body)
    return "" if status == SERVING else f'service "{service}" is {_STATUS.get(status, status)}'
