"""A passing container of the node image through which a pod's volumes and host paths are reached."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from reconciler.engine.connection.answers import Waited
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.failures import unreadable
from reconciler.engine.pods import nodeimage, owned
from reconciler.engine.pods.naming import HELPER_NAME, HELPER_ROLE, container_labels, helper_name
from reconciler.errors import Conflict
from reconciler.model import labels
from reconciler.model.observed import PodRecord


@contextmanager
def helper(
    engine: Engine,
    fleet: str,
    record: PodRecord,
    mounts: Sequence[dict[str, Any]],
    script: str = "",
    *,
    binds: Sequence[str] = (),
    writes: bool = False,
) -> Iterator[str]:
    """The ID of one that was created, not started; it is removed at the end. One that has a script is root on
    the node, also where the engine maps users; with `writes` it may write into its own root.

    Its labels are the pod's, so that one left behind by a crash goes with the pod. Docker makes the directory
    of a bind that isn't there.
    """
    body: dict[str, Any] = {
        "Labels": container_labels(fleet, record, HELPER_NAME, HELPER_ROLE),
        "Entrypoint": ["/bin/busybox", "sh", "-c", script],
        "HostConfig": {
            "NetworkMode": "none",
            "UsernsMode": "host" if script else "",
            "ReadonlyRootfs": bool(script) and not writes,
            "Mounts": list(mounts),
            "Binds": list(binds),
        },
    }
    with _passing(engine, fleet, helper_name(fleet, record.namespace, record.name), body) as made:
        yield made


@contextmanager
def unnamed_helper(engine: Engine, fleet: str, binds: Sequence[str], script: str = "") -> Iterator[str]:
    """The same for no pod in particular."""
    body: dict[str, Any] = {
        "Labels": {labels.FLEET: fleet, labels.ROLE: HELPER_ROLE},
        "Entrypoint": ["/bin/busybox", "sh", "-c", script],
        "HostConfig": {
            "NetworkMode": "none",
            "UsernsMode": "host" if script else "",
            "Binds": list(binds),
        },
    }
    with _passing(engine, fleet, helper_name(fleet, "", ""), body) as made:
        yield made


@contextmanager
def _passing(engine: Engine, fleet: str, name: str, body: dict[str, Any]) -> Iterator[str]:
    body = {"Image": nodeimage.ensure(engine), **body}
    try:
        made = engine.call("POST", "/containers/create", params={"name": name}, body=body)
    except Conflict:  # of a try that was cut off: its mounts may be others
        owned.remove_container(engine, owned.inspect(engine, fleet, name)["Id"])
        made = engine.call("POST", "/containers/create", params={"name": name}, body=body)
    try:
        yield str(made["Id"])
    finally:
        owned.remove_container(engine, made["Id"])


def run(engine: Engine, container: str, seconds: float) -> int:
    """Start it and wait for its exit code."""
    engine.call("POST", f"/containers/{container}/start", timeout=seconds)
    path = f"/containers/{container}/wait"
    for waited in engine.lines(Waited, "POST", path, timeout=seconds):
        return waited["StatusCode"]
    raise unreadable(engine.node, f"POST {path}", "it is empty")
