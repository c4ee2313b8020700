"""The objects that people see, with one growing resourceVersion, and what changed from one to the next.

A pass that changes no object raises no version. The versions begin at the clock, so that they go on
growing over a restart without being kept; a watcher with an older one starts over (410 in Kubernetes).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Literal

from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.record.metadata import Shown

KEPT_CHANGES = 20_000
"""How far back a watcher may be."""


class Change(Value):
    """`object` after it; for DELETED the last one, with the version of its end."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    key: Key
    object: Shown


class World:
    """Thread-safe. Objects that were handed out are never changed afterwards: don't change them either."""

    def __init__(self, version: int | None = None, kept: int = KEPT_CHANGES) -> None:
        """`version` is where to begin; by default the clock in microseconds."""
        self._version = time.time_ns() // 1000 if version is None else version
        self._oldest = self._version
        self._plain: dict[Key, Shown] = {}
        self._shown: dict[Key, Shown] = {}
        self._changes: deque[Change] = deque()
        self._kept = kept
        self._changed = threading.Condition()

    @property
    def version(self) -> int:
        """Of the newest change."""
        with self._changed:
            return self._version

    def update(self, objects: Iterable[Shown]) -> int:
        """These are all there are now. Returns how many were added, changed or deleted."""
        new = {key_of(o): o for o in objects}
        with self._changed:
            before = self._version
            for key, plain in new.items():
                old = self._plain.get(key)
                if old is not plain and old != plain:
                    self._put(key, plain, "ADDED" if old is None else "MODIFIED")
            for key in self._plain.keys() - new.keys():
                self._put(key, self._shown[key], "DELETED")
            self._plain = new
            self._trim()
            if self._version != before:
                self._changed.notify_all()
            return self._version - before

    def get(self, key: Key) -> Shown | None:
        with self._changed:
            return self._shown.get(key)

    def list(self, kind: str, namespace: str | None = None) -> tuple[int, tuple[Shown, ...]]:
        """The version that it is of, and the objects in order of namespace and name."""
        with self._changed:
            found = [k for k in self._shown if k.kind == kind and namespace in (None, k.namespace)]
            return self._version, tuple(self._shown[k] for k in sorted(found))

    def everything(self) -> Shown:
        """All of them as one Kubernetes List."""
        with self._changed:
            items = [self._shown[k] for k in sorted(self._shown)]
            meta = {"resourceVersion": str(self._version)}
            return {"apiVersion": "v1", "kind": "List", "metadata": meta, "items": items}

    def since(self, version: int, timeout: float = 0.0) -> tuple[Change, ...] | None:
        """What came after `version`, waiting up to `timeout` seconds for something.

        None when that is too long ago, or of another life: list again.
        """
        with self._changed:
            if not self._oldest <= version <= self._version:
                return None
            self._changed.wait_for(lambda: self._version > version, timeout)
            return tuple(c for c in self._changes if c.version > version)

    def _put(self, key: Key, plain: Shown, type_: Literal["ADDED", "MODIFIED", "DELETED"]) -> None:
        self._version += 1
        meta = {**plain["metadata"], "resourceVersion": str(self._version)}
        shown = {**plain, "metadata": meta}
        if type_ == "DELETED":
            del self._shown[key]
        else:
            self._shown[key] = shown
        self._changes.append(Change(version=self._version, type=type_, key=key, object=shown))

    def _trim(self) -> None:
        while len(self._changes) > self._kept:
            self._oldest = self._changes.popleft().version


def key_of(shown: Shown) -> Key:
    meta = shown["metadata"]
    return Key(shown["kind"], meta.get("namespace", ""), meta["name"])
