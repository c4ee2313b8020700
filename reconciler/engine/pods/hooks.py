"""Lifecycle hooks: postStart after a start, preStop before a stop.

Source of the rules: Kubernetes, pkg/kubelet/lifecycle/handlers.go: a postStart that fails kills the
container, a preStop that fails doesn't keep it from being stopped.
"""

from __future__ import annotations

from time import sleep

from reconciler.engine.connection.client import Engine
from reconciler.engine.probes import probe
from reconciler.errors import EngineError, HookFailed, NodeUnreachable
from reconciler.model.container import Container
from reconciler.model.observed import PodRecord
from reconciler.model.probe import LifecycleHandler
from reconciler.turns import away

_LONGEST = 600.0
"""Seconds for a postStart: Kubernetes waits for ever, a plan doesn't."""


def container_of(record: PodRecord, name: str) -> Container | None:
    """None for the sandbox."""
    return next((c for c in record.spec.every_container() if c.name == name), None)


def post_start(engine: Engine, container_id: str, container: Container | None, record: PodRecord) -> None:
    """Raises `HookFailed` after killing the container."""
    handler = container.lifecycle.post_start if container else None
    if handler is None or container is None:
        return
    with away("postStart"):
        failure = _run(engine, container_id, handler, container, record, _LONGEST)
    if failure:
        engine.call("POST", f"/containers/{container_id}/kill")
        raise HookFailed(
            f"postStart failed: {failure}",
            node=engine.node,
            where=f"{record.key}, container {container.name}, on node {engine.node}",
        )


def pre_stop(
    engine: Engine, container_id: str, container: Container | None, record: PodRecord, grace: float
) -> None:
    """Runs for `grace` seconds at most. A failure, such as not to end, is no reason to keep the container."""
    handler = container.lifecycle.pre_stop if container else None
    if handler is not None and container is not None and grace > 0:
        _run(engine, container_id, handler, container, record, grace)


def _run(
    engine: Engine,
    container_id: str,
    handler: LifecycleHandler,
    container: Container,
    record: PodRecord,
    seconds: float,
) -> str:
    """Why it failed; empty for success."""
    if handler.sleep is not None:
        sleep(min(seconds, handler.sleep.seconds))
        return ""
    try:
        if handler.exec is not None:
            code, output = engine.exec(container_id, handler.exec.command, seconds)
            return "" if code == 0 else f"exit code {code}: {probe.readable(output)}"
        target = probe.Target(engine=engine, container_id=container_id, container=container, record=record)
        if handler.http_get is not None:
            return probe.http_failure(target, handler.http_get, seconds)
        return probe.tcp_failure(target, handler.tcp_socket, seconds) if handler.tcp_socket else ""
    except TimeoutError as silence:
        return str(silence)
    except NodeUnreachable:
        raise
    except EngineError as error:
        return error.message
