"""The SQLite database below the journal and the progress store.

It never stops the reconciler. A file that can't be read is set aside and a new one begun. A disk that
takes no more writes is replaced by memory, with everything that was on it, and tried again from time to
time. Both leave a `Trouble` for the journal to tell. What the rows mean is not known here.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.model.base import Value
from reconciler.record.places import Identity, identity, refuse_a_file
from reconciler.record.sqlite_file import beside, connect, forget_wal, is_damaged, last_read, set_aside

log = logging.getLogger(__name__)

RETRY_DISK_S = 60.0
LOOK_S = 1.0
"""The shortest between two looks whether the file is still where it was."""

Statement = tuple[str, Sequence[Any]]


class Trouble(Value):
    """Something that happened to the database. `reason` is a CamelCase word for an event."""

    reason: str
    message: str


class Store:
    """Thread-safe; several processes may open the same file. In memory when `path` is None.

    Opening never raises: see the module's docstring.
    """

    def __init__(self, path: Path | None, *, retry_disk: float = RETRY_DISK_S) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._troubles: list[Trouble] = []
        self._retry_disk = retry_disk
        self._retry_at: float | None = None
        self._blind = False
        """What is on the disk has never been read, so memory doesn't hold it."""
        self._refusal = ""
        self._looked_at = float("-inf")
        self._place: tuple[Identity | None, ...] = ()
        """Which folder, file and write-ahead log it is that is written to."""
        self._connection = self._open()
        self._remember_place()

    @property
    def trouble(self) -> str:
        """What is wrong now, in one line; empty when all is kept on the disk, as it should be."""
        with self._lock:
            self._look()
            if self.path is None or self._retry_at is None:
                return ""
            return f"history is kept in memory only: {self.path} can't be written ({self._refusal})"

    @property
    def on_disk(self) -> bool:
        """False in memory, be it wanted or because the disk refused."""
        return self.path is not None and self._retry_at is None

    def read(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of the answer."""
        with self._lock:
            self._look()
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                self._recover(error)
                return self._connection.execute(query, values).fetchall()

    def write(self, statements: Iterable[Statement]) -> int:
        """All of them in one transaction. Returns how many rows the last one changed."""
        todo = list(statements)
        with self._lock:
            self._try_disk_again()
            self._look()
            try:
                return self._transaction(todo)
            except sqlite3.DatabaseError as error:
                self._recover(error)
                return self._transaction(todo)

    def troubles(self) -> tuple[Trouble, ...]:
        """What happened since the last call."""
        with self._lock:
            taken, self._troubles = tuple(self._troubles), []
            return taken

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _transaction(self, statements: Sequence[Statement]) -> int:
        changed = 0
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in statements:
                changed = self._connection.execute(statement, values).rowcount
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return changed

    def _open(self) -> sqlite3.Connection:
        if self.path is None:
            return connect(None)
        try:
            return connect(self.path)
        except (sqlite3.Error, OSError) as error:
            if is_damaged(error):
                return self._begin_anew(self.path, error)
            return self._go_to_memory(last_read(self.path), error)

    def _look(self) -> None:
        """Somebody may move the folder away, or put another file in its place: SQLite would write on into
        what nobody finds."""
        if self.path is None or self._retry_at is not None or time.monotonic() < self._looked_at + LOOK_S:
            return
        self._looked_at = time.monotonic()
        now, place = _identities(self.path), self._place
        if now == place:
            return
        known, path = connect(None), self.path
        try:
            self._connection.backup(known)
            self._connection.close()
            if now[2] == place[2]:
                forget_wal(path)  # ours, and not of the file that lies there now
            aside = None if now[1] is None else set_aside(path, "before")
            refuse_a_file(path.parent)
            disk = connect(path)
            known.backup(disk)
        except (sqlite3.Error, OSError, ReconcilerError) as error:
            self._connection = self._go_to_memory(known, error)
            return
        self._connection = disk
        self._remember_place()
        kept = f"; what lies there now is kept as {aside.name}" if aside else ""
        self._tell(
            "HistoryMoved", f"{path} was moved away, removed or replaced; it is written anew there{kept}"
        )

    def _remember_place(self) -> None:
        if self.path is not None:
            self._place = _identities(self.path)

    def _begin_anew(self, path: Path, error: Exception) -> sqlite3.Connection:
        try:
            aside = set_aside(path)
            connection = connect(path)
        except (sqlite3.Error, OSError) as second:
            return self._go_to_memory(None, second)
        self._tell(
            "HistorySetAside", f"{path} can't be read ({error}); it is kept as {aside.name}, a new one begins"
        )
        return connection

    def _go_to_memory(self, old: sqlite3.Connection | None, error: Exception) -> sqlite3.Connection:
        memory = connect(None)
        self._blind = self._blind or old is None
        if old is not None:
            try:
                old.backup(memory)
            except sqlite3.Error:
                memory = connect(None)
            old.close()
        self._retry_at = time.monotonic() + self._retry_disk
        self._refusal = (error.strerror if isinstance(error, OSError) else "") or str(error)
        message = f"{self.path} can't be written ({self._refusal}); history is kept in memory"
        self._tell("HistoryNotWritten", message)
        return memory

    def _recover(self, error: sqlite3.DatabaseError) -> None:
        """Leave a connection that works, or raise `error` when the statement itself is at fault."""
        if self.path is None or self._retry_at is not None or isinstance(error, _OUR_FAULT):
            raise error
        if is_damaged(error):
            self._connection.close()
            self._connection = self._begin_anew(self.path, error)
            self._remember_place()
        else:
            self._connection = self._go_to_memory(self._connection, error)

    def _try_disk_again(self) -> None:
        if self._retry_at is None or self.path is None or time.monotonic() < self._retry_at:
            return
        self._retry_at = time.monotonic() + self._retry_disk
        aside = None
        try:
            known = not self._blind and identity(self.path) == self._place[1]
            if self.path.is_file() and not known:
                aside = set_aside(self.path, "before")
            disk = connect(self.path)
        except (sqlite3.Error, OSError):
            return
        try:
            self._connection.backup(disk)
        except sqlite3.Error:
            disk.close()
            return
        self._connection.close()
        self._connection, self._retry_at, self._blind = disk, None, False
        self._remember_place()
        kept = f"what it held before is kept as {aside.name}" if aside else "nothing was lost"
        self._tell("HistoryWritten", f"{self.path} can be written again; {kept}")

    def _tell(self, reason: str, message: str) -> None:
        log.warning(message)
        self._troubles.append(Trouble(reason=reason, message=message))


def _identities(path: Path) -> tuple[Identity | None, ...]:
    return identity(path.parent), identity(path), identity(beside(path)[0])


_OUR_FAULT = (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.DataError)
