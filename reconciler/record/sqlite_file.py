"""Opening the SQLite file so that nothing about it can stop the reconciler.

What can't be read is set aside under another name; what can't be written is replaced by memory. Both
cost history only, and both are said.
"""

from __future__ import annotations

import contextlib
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


def last_read(path: Path) -> sqlite3.Connection | None:
    """What a file holds that can be read but not written, in memory. None where it can't be read either."""
    for how in ("mode=ro", "mode=ro&immutable=1"):  # the second where SQLite may make no -shm beside it
        memory = connect(None)
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?{how}", uri=True)) as disk:
                disk.backup(memory)
            migrate(memory)
            return memory
        except (sqlite3.Error, ValueError):
            memory.close()
    return None


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
    for old, new in zip(beside(path), beside(aside), strict=True):
        if old.exists():
            old.rename(new)
    return aside


def beside(path: Path) -> tuple[Path, Path]:
    """What SQLite keeps beside a file while it is open: the write-ahead log and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def forget_wal(path: Path) -> None:
    """Remove both. For a file that is gone: SQLite would take them for the next one's."""
    for file in beside(path):
        file.unlink(missing_ok=True)
