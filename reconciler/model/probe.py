"""Probes and lifecycle hooks (core/v1 Probe, Lifecycle)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from reconciler.model.base import Model
from reconciler.model.names import HEADER_NAME, Seconds

Positive = Annotated[int, Meta(ge=1, le=2**31 - 1)]

Port = Annotated[int, Meta(ge=1, le=65535)] | str
"""A number, or the name of one of the container's ports."""


class HTTPHeader(Model):
    name: Annotated[str, Meta(pattern=HEADER_NAME)]
    value: str = ""


class HTTPGetAction(Model):
    port: Port
    path: str = "/"
    host: str = ""
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    http_headers: tuple[HTTPHeader, ...] = ()


class TCPSocketAction(Model):
    port: Port
    host: str = ""


class GRPCAction(Model):
    port: Annotated[int, Meta(ge=1, le=65535)]
    service: str = ""


class ExecAction(Model):
    command: tuple[str, ...] = ()


class SleepAction(Model):
    seconds: Seconds


class Probe(Model):
    """One of exec, httpGet, tcpSocket and grpc. Numbers in seconds, Kubernetes' defaults."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: Seconds = 0
    period_seconds: Positive = 10
    timeout_seconds: Positive = 1
    success_threshold: Positive = 1
    failure_threshold: Positive = 3
    termination_grace_period_seconds: Seconds | None = None


class LifecycleHandler(Model):
    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Model):
    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None
