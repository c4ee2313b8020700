"""Where rollouts stand, kept over restarts: one row a workload, written only when it changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, TypeVar

import msgspec

from reconciler.model.base import typed
from reconciler.model.delivery import RunState
from reconciler.model.meta import Key
from reconciler.model.progress import Attempt, Progress, RolloutState
from reconciler.record.store import Statement, Store

log = logging.getLogger(__name__)

T = TypeVar("T")

ROLLOUT, ATTEMPT, RUN, FLEET, TIME = "rollout", "attempt", "run", "fleet", "time"
_FLEET_ROW = Key("", "", "")
KEPT_EVERY_S = 10.0

_PUT = "INSERT OR REPLACE INTO progress (part, kind, namespace, name, value) VALUES (?, ?, ?, ?, ?)"
_DROP = "DELETE FROM progress WHERE part = ? AND kind = ? AND namespace = ? AND name = ?"


class ProgressStore:
    """One writer a fleet (`lock`), so what was last saved or loaded is what is there."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._saved: Progress | None = None

    def load(self) -> Progress:
        """What was saved last. A row that can't be read (another version's) is left out and logged."""
        rows = self._store.read("SELECT part, kind, namespace, name, value FROM progress")
        whole = [row for row in rows if row[0] == FLEET]
        base = _decode(whole[0], Progress) if whole else None
        self._saved = msgspec.structs.replace(
            base or Progress(),
            rollouts=dict(_part(rows, ROLLOUT, RolloutState)),
            attempts=dict(_part(rows, ATTEMPT, Attempt)),
            runs=dict(_part(rows, RUN, RunState)),
        )
        return self._saved

    def save(self, progress: Progress) -> None:
        """Writes the difference to what was saved last, in one transaction; nothing when there is none."""
        if progress is self._saved:
            return
        before = self._saved if self._saved is not None else self.load()
        changes = [
            *_changes(ROLLOUT, before.rollouts, progress.rollouts),
            *_changes(ATTEMPT, before.attempts, progress.attempts),
            *_changes(RUN, before.runs, progress.runs),
            *_changes(FLEET, {_FLEET_ROW: _fleet_part(before)}, {_FLEET_ROW: _fleet_part(progress)}),
        ]
        if changes:
            self._store.write(changes)
        self._saved = progress


class TimeStore:
    """Where the loop's time stands while something waits for it (`loop.steady`), for the next life."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: float | None = None

    def load(self) -> float | None:
        """Seconds since the epoch; None: nothing was waited for, or it isn't known."""
        rows = self._store.read(
            "SELECT part, kind, namespace, name, value FROM progress WHERE part = ?", (TIME,)
        )
        found = self._kept = _decode(rows[0], float) if rows else None
        return found if found is not None and isfinite(found) and found > 0 else None

    def keep(self, now: float | None, *, ordered: bool = False) -> None:
        """None: nothing waits. Written now and then only: so much is counted twice at the most. But at once
        when somebody gave an order: to the next life it isn't one of the future, whose moment is corrected.
        """
        if now is None:
            if self._kept is not None:
                self._store.write([(_DROP, (TIME, *_FLEET_ROW))])
        elif ordered or self._kept is None or not 0 <= now - self._kept < KEPT_EVERY_S:
            self._store.write([(_PUT, (TIME, *_FLEET_ROW, msgspec.json.encode(now).decode()))])
        else:
            return
        self._kept = now


def _fleet_part(progress: Progress) -> Progress:
    return msgspec.structs.replace(progress, rollouts={}, attempts={}, runs={})


def _changes(part: str, before: Mapping[Key, T], after: Mapping[Key, T]) -> Iterator[Statement]:
    if before is after:
        return
    for key, value in after.items():
        old = before.get(key)
        # Identity first: most values of most passes are the same objects as before.
        if old is not value and old != value:
            yield _PUT, (part, *key, msgspec.json.encode(value).decode())
    for key in before.keys() - after.keys():
        yield _DROP, (part, *key)


def _part(rows: list[tuple[Any, ...]], part: str, type_: type[T]) -> Iterator[tuple[Key, T]]:
    for row in sorted(r for r in rows if r[0] == part):
        value = _decode(row, type_)
        if value is not None:
            yield Key(*row[1:4]), value


def _decode(row: tuple[Any, ...], type_: type[T]) -> T | None:
    try:
        return msgspec.json.decode(row[4], type=typed(type_))
    except msgspec.DecodeError as error:
        log.warning("rollout progress of %s is not readable and begins anew: %s", Key(*row[1:4]), error)
        return None
