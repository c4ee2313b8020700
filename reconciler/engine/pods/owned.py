"""Our own containers and volumes on a node: listed by label, verified by label before anything is done to
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from time import monotonic, sleep
from typing import Any, TypeVar, cast

import msgspec

from reconciler.engine.connection.answers import (
    UNREADABLE,
    Inspected,
    Summary,
    Volume,
    Volumes,
    complaint,
    decoder,
)
from reconciler.engine.connection.client import CALL_TIMEOUT, Engine
from reconciler.engine.pods.naming import label_filter
from reconciler.errors import Conflict, EngineError, NotFound
from reconciler.model import labels

_REMOVAL_SECONDS = 30.0
_REMOVAL_POLL = 0.05
MOST_UNREAD = 3
"""Complaints about what can't be read, of one kind and one listing."""
_Listing: Any = list[msgspec.Raw] | None
_Volumes: Any = Volumes | None
T = TypeVar("T")


def list_containers(engine: Engine, fleet: str, **wanted: str) -> list[dict[str, Any]]:
    """Engine summaries of every container of the fleet, stopped ones too; `namespace` and `pod` narrow it.

    Each is an `answers.Summary`; one that can't be read is left out and hides none of the others.
    """
    return cast("list[dict[str, Any]]", summaries(engine, fleet, [], **wanted))


def list_volumes(engine: Engine, fleet: str, **wanted: str) -> list[dict[str, Any]]:
    """As `list_containers`, of `answers.Volume`."""
    return cast("list[dict[str, Any]]", volumes(engine, fleet, [], **wanted))


def summaries(engine: Engine, fleet: str, unread: list[str], /, **wanted: str) -> list[Summary]:
    """`unread` gets a line about what can't be read."""
    params = {"all": True, "filters": label_filter(fleet, **wanted)}
    found = engine.ask(_Listing, "GET", "/containers/json", params=params, listing=True) or []
    return [c for c in _each(Summary, found, "container", unread) if c["Labels"].get(labels.FLEET) == fleet]


def volumes(engine: Engine, fleet: str, unread: list[str], /, **wanted: str) -> list[Volume]:
    params = {"filters": label_filter(fleet, **wanted)}
    found = engine.ask(_Volumes, "GET", "/volumes", params=params, listing=True)
    if (found or {}).get("Warnings"):
        unread.append("its Docker Engine lists its volumes with a warning: some may be missing in the list")
    every = _each(Volume, (found or {}).get("Volumes") or [], "volume", unread)
    return [v for v in every if (v.get("Labels") or {}).get(labels.FLEET) == fleet]


def _each(kind: type[T], found: list[msgspec.Raw], what: str, unread: list[str]) -> Iterator[T]:
    for one in found:
        try:
            yield decoder(kind).decode(one)
        except UNREADABLE as error:
            if len(unread) < MOST_UNREAD:
                unread.append(f"its Docker Engine lists a {what} that can't be read: {complaint(error)}")


def read_container(engine: Engine, container_id: str, timeout: float = CALL_TIMEOUT) -> Inspected:
    """Inspected, by ID or name. Raises `NotFound`, and `AnswerUnreadable`."""
    return engine.ask(Inspected, "GET", f"/containers/{container_id}/json", timeout=timeout)


def inspect(engine: Engine, fleet: str, name: str) -> Inspected:
    """The container called exactly `name`, with its labels checked. Raises `NotFound`, or `Conflict` if
    not ours.
    """
    found = read_container(engine, name)
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
    """The Engine's RFC 3339 time as seconds since the epoch. None: never (its year 1), or no time at all."""
    if not text or text.startswith("0001-"):
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None
