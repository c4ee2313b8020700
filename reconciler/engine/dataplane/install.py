"""Making a node's container, and putting a new one in the place of an old one without a gap.

The new one takes over HAProxy's listening sockets through the volume that both have; the old one then only
finishes what is open, and is removed when it has ended.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from time import monotonic, sleep
from typing import Any

from reconciler.engine.connection.answers import Made
from reconciler.engine.connection.client import Engine
from reconciler.engine.dataplane.container import (
    NODE_ROLE,
    RETIRED,
    VERSION_LABEL,
    body,
    node_container,
    node_volume,
    replaced_container,
    retired_container,
    version,
)
from reconciler.engine.pods import nodeimage, owned
from reconciler.errors import EngineError
from reconciler.model import labels

_TAKEOVER_SECONDS = 20.0
_READY = ["/bin/busybox", "sh", "/node", "ready"]


def install(engine: Engine, fleet: str, files: Mapping[str, bytes]) -> None:
    """The node container runs and is of our version. `files` is what a first one has in /net.

    Cut off anywhere and done again, it ends the same.
    """
    _end_paused(engine, fleet)
    found = present(fleet, owned.list_containers(engine, fleet))
    if found is None or not _is_current(found):
        current = _make(engine, fleet, found, files)
    else:
        current = str(found["Id"])
    _start(engine, current)
    for old in unfinished(fleet, owned.list_containers(engine, fleet)):
        _take_over(engine, fleet, current, old)
    remove_retired(engine, fleet)


def _make(engine: Engine, fleet: str, old: dict[str, Any] | None, files: Mapping[str, bytes]) -> str:
    """A new one, not started yet; `old` leaves it its name and would not come back after a reboot."""
    image = nodeimage.ensure(engine)
    _make_volume(engine, fleet)
    if old is not None:
        name = replaced_container(fleet, old["Id"])
        engine.call("POST", f"/containers/{old['Id']}/update", body={"RestartPolicy": {"Name": "no"}})
        engine.call("POST", f"/containers/{old['Id']}/rename", params={"name": name})
    wish = body(fleet, image)
    wish["Labels"] = {**wish["Labels"], VERSION_LABEL: version()}
    params = {"name": node_container(fleet)}
    made = engine.ask(Made, "POST", "/containers/create", params=params, body=wish)
    if not _has_settings(engine, made["Id"]):
        engine.upload(made["Id"], "/net", _tar(files))
    return made["Id"]


def remove(engine: Engine, fleet: str) -> None:
    """No node container is left, nor what it set up, nor what it was told."""
    _end_paused(engine, fleet)
    for one in containers(owned.list_containers(engine, fleet)):
        # A moment to take its rules and devices away: it does that when it is told to end.
        if one["State"] != "running":
            _start(engine, one["Id"])
        engine.call("POST", f"/containers/{one['Id']}/stop", params={"t": "10"}, timeout=30.0)
        owned.remove_container(engine, one["Id"])
    owned.remove_volume(engine, node_volume(fleet))


def retired(fleet: str, listing: list[dict[str, Any]]) -> list[str]:
    """IDs of those that have been replaced and have ended. One that still answers something is left alone."""
    current = present(fleet, listing)
    return [
        c["Id"]
        for c in containers(listing)
        if c is not current and c["State"] in ("exited", "created", "dead")
    ]


def unfinished(fleet: str, listing: list[dict[str, Any]]) -> list[str]:
    """IDs of those that run and don't know yet that another has taken their place."""
    current = present(fleet, listing)
    return [
        c["Id"]
        for c in containers(listing)
        if c is not current
        and c["State"] == "running"
        and not any(name.endswith(RETIRED) for name in c.get("Names") or [])
    ]


def remove_retired(engine: Engine, fleet: str) -> None:
    for one in retired(fleet, owned.list_containers(engine, fleet)):
        owned.remove_container(engine, one)


def containers(listing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a listing of the fleet's containers that are node containers, present or retired."""
    return [c for c in listing if (c.get("Labels") or {}).get(labels.ROLE) == NODE_ROLE]


def present(fleet: str, listing: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The one in charge, by its name."""
    name = f"/{node_container(fleet)}"
    return next((c for c in containers(listing) if name in (c.get("Names") or [])), None)


def runs(engine: Engine, summary: dict[str, Any]) -> bool:
    """By the container itself, which is quicker to know than the listing."""
    try:
        return owned.read_container(engine, summary["Id"])["State"]["Running"]
    except EngineError as error:
        if owned.is_gone(error):
            return False
        raise


def _is_current(summary: dict[str, Any]) -> bool:
    return bool((summary.get("Labels") or {}).get(VERSION_LABEL) == version())


def _make_volume(engine: Engine, fleet: str) -> None:
    wish = {
        "Name": node_volume(fleet),
        "Driver": "local",
        "Labels": {labels.FLEET: fleet, labels.ROLE: NODE_ROLE},
    }
    engine.call("POST", "/volumes/create", body=wish)


def _end_paused(engine: Engine, fleet: str) -> None:
    """Somebody has paused it, and Docker starts none that is. It may know pods that have ended meanwhile (a
    proxy that stands still holds up none), so it doesn't go on where it was: it begins anew.
    """
    for one in containers(owned.list_containers(engine, fleet)):
        if one["State"] == "paused":
            engine.call("POST", f"/containers/{one['Id']}/kill")


def _start(engine: Engine, container: str) -> None:
    engine.call("POST", f"/containers/{container}/start", timeout=60.0)


def _has_settings(engine: Engine, container: str) -> bool:
    """The volume has been in use: what it says stays in force."""
    try:
        with engine.stream(
            "GET", f"/containers/{container}/archive", params={"path": "/net/network"}
        ) as chunks:
            for _ in chunks:
                pass
    except EngineError as error:
        if owned.is_gone(error) or "could not find" in error.message.lower():
            return False
        raise
    return True


def _take_over(engine: Engine, fleet: str, new: str, old: str) -> None:
    """Wait until the new one answers; then the old one stops to, and is called retired."""
    end = monotonic() + _TAKEOVER_SECONDS
    while engine.exec(new, _READY)[0] != 0:
        if monotonic() > end:
            raise EngineError(
                "the new node container doesn't begin to work; the old one goes on",
                node=engine.node,
                remedy=f"on the node: docker logs {new[:12]}",
            )
        sleep(0.1)
    try:
        engine.call("POST", f"/containers/{old}/kill", params={"signal": "USR1"})
        engine.call("POST", f"/containers/{old}/rename", params={"name": retired_container(fleet, old)})
    except EngineError as error:
        if not owned.is_gone(error) and "is not running" not in error.message:
            raise


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for folder in ("run", "maps", "certs"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            entry.mode = 0o600 if path.startswith("certs/") else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
