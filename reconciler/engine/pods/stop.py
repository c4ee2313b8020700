"""Stopping pods: preStop, SIGTERM, grace period, SIGKILL, removal. Only what carries our labels is
touched.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import grace, hooks, owned
from reconciler.engine.pods.grace import Grace
from reconciler.errors import CallTimeout, EngineError
from reconciler.model import labels
from reconciler.model.action import StopPod
from reconciler.model.base import typed
from reconciler.model.container import Container
from reconciler.model.observed import PodRecord

_SPARE = 10.0
"""Seconds that the Engine gets on top of the grace period, before the container's removal kills it."""
_AFTER_THE_OTHERS = ("sidecar", "sandbox")


def stop_pod(engine: Engine, fleet_name: str, action: StopPod) -> None:
    """Returns when nothing of the pod is left. Sidecars go after the main containers, the sandbox last."""
    mine = {"namespace": action.namespace, "pod": action.pod}
    found = owned.list_containers(engine, fleet_name, **mine)
    alive = [c for c in found if c["State"] in ("running", "paused", "restarting")]
    first = [c for c in alive if c["Labels"].get(labels.ROLE) not in _AFTER_THE_OTHERS]
    sidecars = [c for c in alive if c["Labels"].get(labels.ROLE) == "sidecar"]
    if action.grace > 0:
        left = Grace(action.grace, _used(engine, fleet_name, [*first, *sidecars], action.grace))
        _stop_all(engine, first, left)
        _stop_all(engine, sidecars[::-1], left)
    for container in sorted(found, key=lambda c: c["Labels"].get(labels.ROLE) == "sandbox"):
        owned.remove_container(engine, container["Id"])
    for volume in owned.list_volumes(engine, fleet_name, **mine):
        owned.remove_volume(engine, volume["Name"])


def stop_container(
    engine: Engine, fleet_name: str, found: dict[str, Any], record: PodRecord, seconds: float
) -> None:
    """`found` is the inspected container. preStop counts towards the grace period (`seconds`)."""
    if not found["State"]["Running"]:
        return
    container = hooks.container_of(record, found["Config"]["Labels"].get(labels.CONTAINER, ""))
    hooked = _hooked(container)
    left = Grace(seconds, grace.used(engine, fleet_name, record, found["Id"], seconds) if hooked else 0.0)
    hooks.pre_stop(engine, found["Id"], container, record, left.left())
    _send_stop(engine, found["Id"], left)
    if hooked:
        grace.forget(engine, fleet_name, record, found["Id"])


def record_of(found: dict[str, Any]) -> PodRecord:
    """The pod out of an inspected container's label."""
    return msgspec.json.decode(found["Config"]["Labels"][labels.SPEC], type=typed(PodRecord))


def _used(engine: Engine, fleet_name: str, alive: list[dict[str, Any]], seconds: float) -> float:
    """How much of `seconds` this stop has used, an earlier try of it included."""
    hooked = [(c["Id"], r) for c in alive for r, spec in (_spec(c),) if r is not None and _hooked(spec)]
    return max((grace.used(engine, fleet_name, r, one, seconds) for one, r in hooked), default=0.0)


def _spec(summary: dict[str, Any]) -> tuple[PodRecord | None, Container | None]:
    """Both None where the label can't be read."""
    try:
        record = msgspec.json.decode(summary["Labels"].get(labels.SPEC, ""), type=typed(PodRecord))
    except msgspec.DecodeError:
        return None, None
    return record, hooks.container_of(record, summary["Labels"].get(labels.CONTAINER, ""))


def _hooked(container: Container | None) -> bool:
    return container is not None and container.lifecycle.pre_stop is not None


def _stop_all(engine: Engine, running: list[dict[str, Any]], left: Grace) -> None:
    if len(running) == 1:
        _stop_one(engine, running[0], left)
    elif running:
        with ThreadPoolExecutor(len(running), "stop") as pool:
            list(pool.map(lambda c: _stop_one(engine, c, left), running))


def _stop_one(engine: Engine, summary: dict[str, Any], left: Grace) -> None:
    record, container = _spec(summary)
    if record is not None and summary["State"] == "running":
        hooks.pre_stop(engine, summary["Id"], container, record, left.left())
    _send_stop(engine, summary["Id"], left)


def _send_stop(engine: Engine, container_id: str, left: Grace) -> None:
    """The image's or the manifest's stop signal, then SIGKILL. A connection of its own: it may last."""
    seconds = left.for_signal()
    path = f"/containers/{container_id}"
    try:
        with engine.stream("POST", f"{path}/stop", params={"t": seconds}, timeout=seconds + _SPARE) as answer:
            for _ in answer:
                pass
    except CallTimeout:
        with suppress(EngineError):
            engine.call("POST", f"{path}/kill")
    except EngineError as error:
        if not owned.is_gone(error):
            raise
