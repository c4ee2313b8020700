"""Our own containers and volumes on a node: listed by label, verified by label before anything is done to
them.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from time import monotonic, sleep
from typing import Any

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods.naming import label_filter
from reconciler.errors import Conflict, EngineError, NotFound
from reconciler.model import labels

_REMOVAL_SECONDS = 30.0
_REMOVAL_POLL = 0.05


def list_containers(engine: Engine, fleet: str, **wanted: str) -> list[dict[str, Any]]:
    """Engine summaries of every container of the fleet, stopped ones too; `namespace` and `pod` narrow it."""
    params = {"all": True, "filters": label_filter(fleet, **wanted)}
    found = engine.call("GET", "/containers/json", params=params) or []
    return [c for c in found if c.get("Labels", {}).get(labels.FLEET) == fleet]


def list_volumes(engine: Engine, fleet: str, **wanted: str) -> list[dict[str, Any]]:
    found = engine.call("GET", "/volumes", params={"filters": label_filter(fleet, **wanted)})
    volumes = (found or {}).get("Volumes") or []
    return [v for v in volumes if (v.get("Labels") or {}).get(labels.FLEET) == fleet]


def inspect(engine: Engine, fleet: str, name: str) -> dict[str, Any]:
    """The container called exactly `name`, with its labels checked. Raises `NotFound`, or `Conflict` if
    not ours.
    """
    found: dict[str, Any] = engine.call("GET", f"/containers/{name}/json")
    if found["Name"] != f"/{name}":
        raise NotFound(f'no container "{name}"', node=engine.node)
    if (found["Config"].get("Labels") or {}).get(labels.FLEET) != fleet:
        raise Conflict(
            f"a container \"{name}\" is there that isn't this fleet's",
            node=engine.node,
            remedy=f"rename or remove it on the node: docker rename {name} NEW-NAME",
        )
    return found


def is_gone(error: EngineError) -> bool:
    """Whether the Engine said that what was asked for doesn't exist."""
    return isinstance(error, NotFound) or "no such" in error.message.lower()


def remove_container(engine: Engine, container_id: str) -> None:
    """By full ID, with its anonymous volumes. Being gone, or about to go, is success; returns when it is
    gone.
    """
    params = {"force": True, "v": True}
    end = monotonic() + _REMOVAL_SECONDS
    while True:
        try:
            engine.call("DELETE", f"/containers/{container_id}", params=params, timeout=_REMOVAL_SECONDS)
            return
        except EngineError as error:
            if is_gone(error):
                return
            if not isinstance(error, Conflict) or monotonic() > end:
                raise
        sleep(_REMOVAL_POLL)


def remove_volume(engine: Engine, name: str) -> None:
    with suppress_gone():
        engine.call("DELETE", f"/volumes/{name}")


class suppress_gone(suppress):  # noqa: N801 - reads as contextlib.suppress does
    """`with suppress_gone():` - what is gone already needn't be removed."""

    def __init__(self) -> None:
        super().__init__(EngineError)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        return isinstance(error, EngineError) and is_gone(error)


def epoch(text: str | None) -> float | None:
    """The Engine's RFC 3339 time as seconds since the epoch; its year 1 means never."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).timestamp()
