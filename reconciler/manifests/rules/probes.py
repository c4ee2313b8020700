"""Rules about probes and lifecycle hooks: exactly one handler, ports that exist, numbers that make sense."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import forms
from reconciler.manifests.said import Said, shown
from reconciler.model.container import Container
from reconciler.model.probe import HTTPGetAction, LifecycleHandler, Probe


def check(container: Container, path: Path) -> Iterator[Said]:
    ports = {port.name for port in container.ports if port.name}
    if container.liveness_probe:
        yield from _probe(container.liveness_probe, ports, (*path, "livenessProbe"), once=True)
    if container.readiness_probe:
        yield from _probe(container.readiness_probe, ports, (*path, "readinessProbe"), once=False)
        if container.readiness_probe.termination_grace_period_seconds is not None:
            message = "isn't allowed here: a readiness probe never stops a container"
            at = (*path, "readinessProbe", "terminationGracePeriodSeconds")
            yield Said(at, message, "remove it", rule="probe")
    if container.startup_probe:
        yield from _probe(container.startup_probe, ports, (*path, "startupProbe"), once=True)
    if container.lifecycle.post_start:
        yield from _handler(container.lifecycle.post_start, ports, (*path, "lifecycle", "postStart"))
    if container.lifecycle.pre_stop:
        yield from _handler(container.lifecycle.pre_stop, ports, (*path, "lifecycle", "preStop"))


def _probe(probe: Probe, ports: set[str], path: Path, *, once: bool) -> Iterator[Said]:
    """`once`: Kubernetes allows a successThreshold of 1 only."""
    handlers = (probe.exec, probe.http_get, probe.tcp_socket, probe.grpc)
    yield from _exactly_one(sum(h is not None for h in handlers), "exec, httpGet, tcpSocket, grpc", path)
    yield from _parts(probe, ports, path)
    if once and probe.success_threshold != 1:
        message = f"expected 1, found {probe.success_threshold}"
        remedy = "one success is enough for liveness and startup; remove the field"
        yield Said((*path, "successThreshold"), message, remedy, rule="probe")


def _handler(handler: LifecycleHandler, ports: set[str], path: Path) -> Iterator[Said]:
    handlers = (handler.exec, handler.http_get, handler.tcp_socket, handler.sleep)
    yield from _exactly_one(sum(h is not None for h in handlers), "exec, httpGet, sleep", path)
    yield from _parts(handler, ports, path)
    if handler.tcp_socket:
        message = "isn't supported in hooks, nor does Kubernetes run it"
        yield Said((*path, "tcpSocket"), message, "use exec or httpGet", rule="unsupported")


def _parts(handler: Probe | LifecycleHandler, ports: set[str], path: Path) -> Iterator[Said]:
    if handler.exec and not handler.exec.command:
        message = "expected a program and its arguments, found none"
        yield Said((*path, "exec", "command"), message, "write it as [cat, /ready]", rule="probe")
    if handler.http_get:
        yield from _port(handler.http_get.port, ports, (*path, "httpGet", "port"))
        yield from _request(handler.http_get, (*path, "httpGet"))
    if handler.tcp_socket:
        yield from _port(handler.tcp_socket.port, ports, (*path, "tcpSocket", "port"))
        if handler.tcp_socket.host:
            yield from forms.host(handler.tcp_socket.host, (*path, "tcpSocket", "host"))


def _request(action: HTTPGetAction, path: Path) -> Iterator[Said]:
    if action.host:
        yield from forms.host(action.host, (*path, "host"))
    yield from forms.path_text(action.path, (*path, "path"))
    for index, header in enumerate(action.http_headers):
        yield from forms.header_value(header.value, (*path, "httpHeaders", index, "value"))


def _port(port: int | str, ports: set[str], path: Path) -> Iterator[Said]:
    if isinstance(port, int) or port in ports:
        return
    if port.isdigit():
        yield Said(
            path, f"expected a number or a name, found {shown(port)}", "remove the quotes", rule="probe"
        )
        return
    known = f"named ports are {', '.join(sorted(ports))}" if ports else "this container names no port"
    yield Said(path, f'no port is called "{port}"', known, rule="probe")


def _exactly_one(count: int, choices: str, path: Path) -> Iterator[Said]:
    if count != 1:
        found = "none" if count == 0 else str(count)
        remedy = "add one" if count == 0 else "keep one"
        yield Said(path, f"expected exactly one of {choices}, found {found}", remedy, rule="one-of")
