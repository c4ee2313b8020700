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
    """Bring the file to VERSION. Each step is one transaction, so that a kill leaves the step before."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        raise NewerSchema(f"it has schema version {found}, this reconciler knows up to {VERSION}")
    for number in range(found, VERSION):
        script = f"BEGIN IMMEDIATE; {MIGRATIONS[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        connection.executescript(script)
