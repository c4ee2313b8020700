"""One try of one probe, or of one hook's request: does the container answer as it should?

Connections are made by the node, to the pod's IP (DESIGN 5): httpGet, tcpSocket and grpc need nothing in
the image.
"""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing, suppress
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import quote

from reconciler.bounded import Bounded
from reconciler.engine.connection.client import Engine
from reconciler.engine.probes import grpc_health
from reconciler.errors import CommandTimeout, EngineError
from reconciler.model.container import Container
from reconciler.model.observed import PodRecord
from reconciler.model.probe import HTTPGetAction, Port, Probe, TCPSocketAction

_IN_A_PATH = "!#$%&'()*+,/:;=?@[]~"
_MOST_OUTPUT = 1024
_MOST_BODY = 10240
"""Bytes of an answer that are read (Kubernetes: 10 KiB)."""


class Target(NamedTuple):
    """Which container is asked, and over which connection."""

    engine: Engine
    container_id: str
    container: Container
    record: PodRecord


def failure(target: Target, probe: Probe) -> str:
    """Why the probe failed; empty for success. Raises `NodeUnreachable` when that can't be known.

    Silence at a port is a `TimeoutError` with the words to show: it may be the container's or the node's.
    """
    seconds = float(probe.timeout_seconds)
    if probe.exec is not None:
        return _exec_failure(target, probe.exec.command, seconds)
    if probe.http_get is not None:
        return http_failure(target, probe.http_get, seconds)
    if probe.tcp_socket is not None:
        return tcp_failure(target, probe.tcp_socket, seconds)
    if probe.grpc is not None:
        return _grpc_failure(target, probe.grpc.port, probe.grpc.service, seconds)
    return ""


def tcp_failure(target: Target, action: TCPSocketAction, seconds: float) -> str:
    port = port_number(action.port, target.container)
    host = action.host or pod_host(target.record)
    if port is None:
        return f'no port is named "{action.port}"'
    try:
        target.engine.dial(host, port, seconds).close()
    except OSError as error:
        return _words(error, f"{host}:{port}", seconds)
    return ""


def http_failure(target: Target, action: HTTPGetAction, seconds: float) -> str:
    """Kubernetes: any status from 200 to 399 is success; certificates aren't verified."""
    port = port_number(action.port, target.container)
    host = action.host or pod_host(target.record)
    if port is None:
        return f'no port is named "{action.port}"'
    end = monotonic() + seconds
    try:
        with closing(target.engine.dial(host, port, seconds)) as dialled:
            stream: Any = Bounded(dialled, end)
            if action.scheme == "HTTPS":
                stream = _encrypted(stream, host)
            status, reason = _get(stream, action, f"{host}:{port}")
    except (OSError, http.client.HTTPException, ValueError) as error:  # from before such were refused
        return _words(error, f"{host}:{port}", seconds)
    return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status} {reason}".rstrip()


def port_number(port: Port, container: Container) -> int | None:
    """A port by its number, by its number in words, or by its name among the container's ports."""
    if isinstance(port, int):
        return port
    named = next((p.container_port for p in container.ports if p.name == port), None)
    return int(port) if named is None and port.isdecimal() else named


def pod_host(record: PodRecord) -> str:
    """Where the node finds the pod's ports: a hostNetwork pod's are the node's own."""
    return "127.0.0.1" if record.spec.host_network else record.ip


def readable(output: bytes) -> str:
    """What a command wrote, as one short line."""
    return " ".join(output[:_MOST_OUTPUT].decode(errors="replace").split())


def _exec_failure(target: Target, command: tuple[str, ...], seconds: float) -> str:
    try:
        code, output = target.engine.exec(target.container_id, command, seconds)
    except CommandTimeout:
        return f"command timed out after {seconds:g} s"
    except EngineError as error:
        return error.message
    return "" if code == 0 else f"exit code {code}: {readable(output)}".rstrip(": ")


def _grpc_failure(target: Target, port: int, service: str, seconds: float) -> str:
    host = pod_host(target.record)
    end = monotonic() + seconds
    try:
        with closing(target.engine.dial(host, port, seconds)) as stream:
            return grpc_health.failure(stream, f"{host}:{port}", service, end)
    except OSError as error:
        return _words(error, f"{host}:{port}", seconds)


class _Request(http.client.HTTPConnection):
    """One request over a stream that is open already."""

    def __init__(self, stream: Any, host: str) -> None:
        super().__init__(host)
        self.sock = stream


def _get(stream: Any, action: HTTPGetAction, host: str) -> tuple[int, str]:
    headers = {h.name.lower(): (h.name, h.value) for h in action.http_headers}
    own = {
        "host": ("Host", host),
        "user-agent": ("User-Agent", "kube-probe/1.31"),
        "accept": ("Accept", "*/*"),
    }
    path = quote(action.path if action.path.startswith("/") else f"/{action.path}", safe=_IN_A_PATH)
    connection = _Request(stream, host)
    connection.putrequest("GET", path, skip_host=True, skip_accept_encoding=True)
    for name, value in {**own, **headers}.values():
        connection.putheader(name, value.encode())  # Go sends UTF-8, too
    connection.putheader("Connection", "close")
    connection.endheaders()
    answer = connection.getresponse()
    with suppress(http.client.HTTPException):
        answer.read(_MOST_BODY)
    return answer.status, answer.reason


def _encrypted(stream: Any, host: str) -> Any:
    """TLS over any stream; the pod's certificate is its own affair."""
    from reconciler.engine.probes.tls import TlsStream

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return TlsStream(stream, context, host)


def _words(error: Exception, place: str, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        raise TimeoutError(f"{place}: no answer within {seconds:g} s") from error
    if isinstance(error, ConnectionRefusedError):
        return f"{place}: connection refused"
    if isinstance(error, ValueError):  # its words may hold a header's value
        return f"{place}: the probe's path or a header is nothing that HTTP can carry"
    return f"{place}: {error or type(error).__name__}"
