"""The tables, as migrations: entry N brings a file from version N to N + 1. Only ever append."""

from __future__ import annotations

import sqlite3

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE events (
        id INTEGER PRIMARY KEY, first_at REAL NOT NULL, last_at REAL NOT NULL, count INTEGER NOT NULL,
        type TEXT NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL,
        kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        node TEXT NOT NULL, revision TEXT NOT NULL);
    CREATE INDEX events_by_object ON events (kind, namespace, name, reason, last_at);
    CREATE INDEX events_by_time ON events (last_at);
    CREATE TABLE revisions (
        number INTEGER PRIMARY KEY, id TEXT NOT NULL, subject TEXT NOT NULL, author TEXT NOT NULL,
        time REAL NOT NULL, seen_at REAL NOT NULL, ended_at REAL, standing TEXT NOT NULL,
        message TEXT NOT NULL);
    CREATE INDEX revisions_by_id ON revisions (id);
    CREATE TABLE progress (
        part TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
        value TEXT NOT NULL, PRIMARY KEY (part, kind, namespace, name)) WITHOUT ROWID;
    """,
)

VERSION = len(MIGRATIONS)


class NewerSchema(sqlite3.DatabaseError):
    """The file was written by a later version of the reconciler."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to VERSION, in one transaction: a kill leaves what was there, and of several processes
    one does it.
    """
    if _version(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = _version(connection)
        for script in MIGRATIONS[found:]:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise NewerSchema(f"it has schema version {found}, this reconciler knows up to {VERSION}")
    return found
