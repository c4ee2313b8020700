"""Events and the history of revisions: what `kubectl get events` and `reconciler status` tell of the past.

Identical events are counted, not repeated, as Kubernetes' event correlator does.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from reconciler.model.base import Told, Value
from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.plan import Standing
from reconciler.model.revision import Revision
from reconciler.printable import one_line
from reconciler.record.store import Statement, Store

REPEAT_WINDOW_S = 600.0
"""An identical event within this time of the last one raises its count (client-go: 10 minutes)."""
MAX_EVENTS = 10_000
MAX_REVISIONS = 1_000
TRIM_EVERY = 256


class RecordedEvent(Value):
    """An event and its repeats. `id` grows with each new one; `event.at` is the first time."""

    id: int
    event: Event
    count: int
    first_at: float
    last_at: float


class RevisionRecord(Told):
    """One revision's run. `standing` is "superseded" when a newer one took its place before its end.

    Times in seconds since the epoch; `ended_at` is None while it is under way. `number` grows.
    """

    number: int
    revision: Revision
    seen_at: float
    standing: Standing | str = "progressing"
    message: str = ""
    ended_at: float | None = None


class Journal:
    """Thread-safe. Keeps the newest `max_events` events and `max_revisions` revisions."""

    def __init__(
        self,
        store: Store,
        fleet: str = "",
        *,
        max_events: int = MAX_EVENTS,
        max_revisions: int = MAX_REVISIONS,
    ) -> None:
        self._store, self._about = store, Key("Fleet", "", fleet)
        self._limits = (max_events, max_revisions)
        self._lock = threading.Lock()
        self._writes = 0
        self._trim()
        self._tell_troubles()

    def event(self, event: Event) -> None:
        """Record it, or raise the count of the same one."""
        with self._lock:
            self._record(event)
            self._tell_troubles()

    def events(self, about: Key | None = None, limit: int = 100) -> tuple[RecordedEvent, ...]:
        """Newest first."""
        with self._lock:
            self._tell_troubles()
        where, values = "", []
        if about is not None:
            where, values = "WHERE kind = ? AND namespace = ? AND name = ?", list(about)
        rows = self._store.read(
            f"SELECT {_EVENT} FROM events {where} ORDER BY last_at DESC, id DESC LIMIT ?", [*values, limit]
        )
        return tuple(_recorded(row) for row in rows)

    def revision_seen(self, revision: Revision, at: float | None = None) -> None:
        """It is now the one that is wanted. Seen again at once (after a restart), it goes on as it was."""
        at = time.time() if at is None else at
        with self._lock:
            newest = self.history(1)
            if newest and newest[0].revision.id == revision.id:
                return
            self._store.write(_begin_revision(revision, at))
            self._trim()
            self._tell_troubles()

    def revision_ended(self, revision_id: str, standing: Standing, message: str, at: float) -> None:
        """Its newest run ended so. Called again, the later word holds (a failed one may converge yet)."""
        with self._lock:
            self._store.write([(_END_REVISION, (standing, one_line(message), at, revision_id))])
            self._tell_troubles()

    @property
    def trouble(self) -> str:
        """What keeps it from being kept, in one line; empty when all is well."""
        return self._store.trouble

    def history(self, limit: int = 20) -> tuple[RevisionRecord, ...]:
        """Newest first."""
        return tuple(_revision_record(row) for row in self._store.read(_HISTORY, (limit,)))

    def _record(self, event: Event) -> None:
        what = (event.type, event.reason, event.message, *event.about, event.node, event.revision)
        if self._store.write([(_COUNT, (event.at, *what, event.at - REPEAT_WINDOW_S))]):
            return
        self._store.write([(_INSERT, (event.at, event.at, *what))])
        self._writes += 1
        if self._writes % TRIM_EVERY == 0:
            self._trim()

    def _trim(self) -> None:
        events, revisions = self._limits
        self._store.write([(_TRIM_EVENTS, (events,)), (_TRIM_REVISIONS, (revisions,))])

    def _tell_troubles(self) -> None:
        for trouble in self._store.troubles():
            self._record(
                Event(
                    at=time.time(),
                    type="Warning",
                    reason=trouble.reason,
                    message=trouble.message,
                    about=self._about,
                )
            )


_EVENT = "id, first_at, last_at, count, type, reason, message, kind, namespace, name, node, revision"

_COUNT = """
    UPDATE events SET count = count + 1, last_at = max(last_at, ?) WHERE id = (
        SELECT id FROM events WHERE type = ? AND reason = ? AND message = ? AND kind = ? AND namespace = ?
        AND name = ? AND node = ? AND revision = ? AND last_at >= ? ORDER BY last_at DESC LIMIT 1)
"""
_INSERT = """
    INSERT INTO events (
        count, first_at, last_at, type, reason, message, kind, namespace, name, node, revision)
    VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TRIM_EVENTS = """
    DELETE FROM events WHERE id IN (
        SELECT id FROM events ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET ?)
"""
_TRIM_REVISIONS = "DELETE FROM revisions WHERE number <= (SELECT max(number) FROM revisions) - ?"
_HISTORY = """
    SELECT number, id, subject, author, time, seen_at, standing, message, ended_at
    FROM revisions ORDER BY number DESC LIMIT ?
"""
_SUPERSEDE = """
    UPDATE revisions SET standing = 'superseded', ended_at = ?, message = ? WHERE ended_at IS NULL
"""
_BEGIN_REVISION = """
    INSERT INTO revisions (id, subject, author, time, seen_at, standing, message)
    VALUES (?, ?, ?, ?, ?, 'progressing', '')
"""
_END_REVISION = """
    UPDATE revisions SET standing = ?, message = ?, ended_at = ?
    WHERE number = (SELECT max(number) FROM revisions WHERE id = ?)
"""


def _recorded(row: tuple[Any, ...]) -> RecordedEvent:
    id_, first, last, count, type_, reason, message, kind, namespace, name, node, revision = row
    about = Key(kind, namespace, name)
    event = Event(
        at=first, type=type_, reason=reason, message=message, about=about, node=node, revision=revision
    )
    return RecordedEvent(id=id_, event=event, count=count, first_at=first, last_at=last)


def _revision_record(row: tuple[Any, ...]) -> RevisionRecord:
    number, id_, subject, author, at, seen, standing, message, ended = row
    revision = Revision(id=id_, subject=subject, author=author, time=at)
    return RevisionRecord(
        number=number, revision=revision, seen_at=seen, standing=standing, message=message, ended_at=ended
    )


def _begin_revision(revision: Revision, at: float) -> list[Statement]:
    told = (revision.id, revision.subject, revision.author, revision.time, at)
    return [(_SUPERSEDE, (at, f"{revision.short} took its place")), (_BEGIN_REVISION, told)]
