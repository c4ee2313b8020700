"""Opening the SQLite file so that nothing about it can stop the reconciler.

What can't be read is set aside under another name; what can't be written is replaced by memory. Both
cost history only, and both are said.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from reconciler.record.schema import NewerSchema, migrate

BUSY_TIMEOUT_S = 5.0
PAUSE_S = 0.02


def connect(path: Path | None) -> sqlite3.Connection:
    """A connection for use from any thread, one at a time. Raises `sqlite3.Error`, `OSError`."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = ":memory:" if path is None else str(path)
    connection = sqlite3.connect(
        target, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = _text
    try:
        _patiently(connection)
    except BaseException:
        connection.close()
        raise
    if path is not None:
        path.chmod(0o600)
    return connection


def _text(found: bytes) -> str:
    """SQLite looks after its pages, not after what is written on them: a letter may be damaged."""
    return found.decode(errors="replace")


def _patiently(connection: sqlite3.Connection) -> None:
    """Others may be about to prepare the same file. SQLite's own time-out doesn't cover a change to WAL."""
    end = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            return _prepare(connection)
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > end:
                raise
        time.sleep(PAUSE_S)


def _prepare(connection: sqlite3.Connection) -> None:
    # With WAL, NORMAL never corrupts the file: a power cut may lose the last commits, a kill none.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(str(verdict))
    migrate(connection)


def is_damaged(error: Exception) -> bool:
    """Whether the file itself is wrong, rather than the disk, its rights, or another process' lock."""
    return isinstance(error, sqlite3.DatabaseError) and (
        isinstance(error, NewerSchema) or not isinstance(error, sqlite3.OperationalError)
    )


def set_aside(path: Path, what: str = "unreadable") -> Path:
    """Rename the file and what SQLite keeps beside it; returns the new name. Raises `OSError`."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    aside = path.with_name(f"{path.name}.{what}-{stamp}-{time.time_ns() % 1_000_000:06d}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside
