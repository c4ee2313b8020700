"""Stopping pods: preStop, SIGTERM, grace period, SIGKILL, removal. Only what carries our labels is
touched.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import hooks, owned
from reconciler.errors import EngineError
from reconciler.model import labels
from reconciler.model.action import StopPod
from reconciler.model.base import typed
from reconciler.model.observed import PodRecord

_SPARE = 30.0
"""Seconds that the Engine gets on top of the grace period."""
_AFTER_THE_OTHERS = ("sidecar", "sandbox")


def stop_pod(engine: Engine, fleet_name: str, action: StopPod) -> None:
    """Returns when nothing of the pod is left. Sidecars go after the main containers, the sandbox last."""
    end = monotonic() + action.grace
    mine = {"namespace": action.namespace, "pod": action.pod}
    found = owned.list_containers(engine, fleet_name, **mine)
    first = [c for c in found if c["Labels"].get(labels.ROLE) not in _AFTER_THE_OTHERS]
    sidecars = [c for c in found if c["Labels"].get(labels.ROLE) == "sidecar"]
    _stop_all(engine, first, end)
    _stop_all(engine, sidecars[::-1], end)
    for container in sorted(found, key=lambda c: c["Labels"].get(labels.ROLE) == "sandbox"):
        owned.remove_container(engine, container["Id"])
    for volume in owned.list_volumes(engine, fleet_name, **mine):
        owned.remove_volume(engine, volume["Name"])


def stop_container(engine: Engine, found: dict[str, Any], record: PodRecord, grace: float) -> None:
    """`found` is the inspected container. preStop counts towards the grace period (seconds)."""
    end = monotonic() + grace
    container = hooks.container_of(record, found["Config"]["Labels"].get(labels.CONTAINER, ""))
    if found["State"]["Running"]:
        hooks.pre_stop(engine, found["Id"], container, record, grace)
        _send_stop(engine, found["Id"], end - monotonic())


def record_of(found: dict[str, Any]) -> PodRecord:
    """The pod out of an inspected container's label."""
    return msgspec.json.decode(found["Config"]["Labels"][labels.SPEC], type=typed(PodRecord))


def _stop_all(engine: Engine, containers: list[dict[str, Any]], end: float) -> None:
    running = [c for c in containers if c["State"] in ("running", "paused", "restarting")]
    if len(running) == 1:
        _stop_one(engine, running[0], end)
    elif running:
        with ThreadPoolExecutor(len(running), "stop") as pool:
            list(pool.map(lambda c: _stop_one(engine, c, end), running))


def _stop_one(engine: Engine, summary: dict[str, Any], end: float) -> None:
    grace = max(0.0, end - monotonic())
    if grace == 0:
        return  # its removal kills it
    try:
        record = msgspec.json.decode(summary["Labels"].get(labels.SPEC, ""), type=typed(PodRecord))
    except msgspec.DecodeError:
        record = None
    if record is not None and summary["State"] == "running":
        container = hooks.container_of(record, summary["Labels"].get(labels.CONTAINER, ""))
        hooks.pre_stop(engine, summary["Id"], container, record, grace)
    _send_stop(engine, summary["Id"], end - monotonic())


def _send_stop(engine: Engine, container_id: str, grace: float) -> None:
    """The image's or the manifest's stop signal, then SIGKILL. A connection of its own: it may last."""
    seconds = max(0, math.ceil(grace))
    try:
        path = f"/containers/{container_id}/stop"
        with engine.stream("POST", path, params={"t": seconds}, timeout=seconds + _SPARE) as answer:
            for _ in answer:
                pass
    except EngineError as error:
        if not owned.is_gone(error):
            raise
