"""Images that this fleet has pulled onto a node: which, when, and taking those away that nothing needs.

Docker can't label an image, so that one was pulled by us is in a record beside it (`records`). What an
operator loaded or pulled is in none, and is never removed (law 5). Nor is what any container has.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import image, records
from reconciler.engine.pods.owned import is_gone
from reconciler.errors import Conflict, EngineError, ImageUnavailable
from reconciler.model.observed import HeldImage, PodRecord


class PulledImages:
    """One node's. Thread-safe. `clock` gives seconds since the epoch."""

    def __init__(self, fleet: str, clock: Callable[[], float]) -> None:
        self._fleet, self._clock = fleet, clock
        self._lock = threading.Lock()
        self._known: Mapping[str, HeldImage] = {}

    def read(self, known: Mapping[str, HeldImage]) -> None:
        """What the node's records say."""
        with self._lock:
            self._known = known

    def missing(self, engine: Engine, record: PodRecord) -> tuple[str, ...]:
        """Those of the pod's images that aren't there: whoever pulls one now is us."""
        names = sorted({c.image for c in record.spec.every_container()} - self._known.keys())
        return tuple(n for n in names if image.inspect(engine, n) is None)

    def came(
        self, engine: Engine, record: PodRecord, missing: Iterable[str], listing: Iterable[Mapping[str, Any]]
    ) -> None:
        """Record those that were `missing` and are there now; and of all others that containers of ours in
        `listing` have them at this time. That is as exactly as their last use is known.
        """
        fresh = [n for n in missing if image.inspect(engine, n) is not None]
        if not fresh:
            return
        now = self._clock()
        with self._lock:
            used = {str(c.get("Image", "")) for c in listing} & self._known.keys()
            changed = {n: msgspec.structs.replace(self._known[n], used_at=now) for n in used}
            changed |= {n: HeldImage(name=n, pulled_at=now, used_at=now) for n in fresh}
            records.write_images(engine, self._fleet, record, changed.values())
            self._known = {**self._known, **changed}

    def unused(self, engine: Engine) -> tuple[HeldImage, ...]:
        """Those that are there and that no container has, with their sizes, by name."""
        if not self._known:
            return ()
        containers = engine.call("GET", "/containers/json", params={"all": True}, listing=True) or []
        taken = {str(c.get("ImageID", "")) for c in containers}
        found: list[HeldImage] = []
        for name, held in sorted(self._known.items()):
            there = image.inspect(engine, name)
            if there is not None and there.get("Id") not in taken:
                size = max(0, int(there.get("Size") or 0))
                found.append(msgspec.structs.replace(held, size=size, id=str(there.get("Id") or "")))
        return tuple(found)

    def remove(self, engine: Engine, names: Iterable[str]) -> None:
        """By name, as pulled. One that somebody has begun to use meanwhile stays."""
        gone = [name for name in names if name in self._known and _removed(engine, name)]
        if gone:
            records.remove_images(engine, self._fleet, gone)
            with self._lock:
                self._known = {n: held for n, held in self._known.items() if n not in gone}


def _removed(engine: Engine, name: str) -> bool:
    try:
        engine.call("DELETE", f"/images/{quote(name, safe='')}", timeout=120.0)
    except Conflict:
        return False
    except EngineError as error:
        if not is_gone(error) and not isinstance(error, ImageUnavailable):
            raise
    return True
