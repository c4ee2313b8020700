"""Where manifests come from: a Git repository, a bare one that we host, or a directory.

A source only brings files and says which revision they are; what they mean is not its business. It
never gives less than a whole revision: what can't be read is a `SourceError`, and the last good
snapshot stays. Reading order: `snapshot`, `open`, `watch`, `git`, `hosted`, `directory`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from reconciler.errors import SourceError
from reconciler.source.snapshot import Snapshot


class Source(Protocol):
    """Every method may be called from any thread."""

    def start(self, changed: Callable[[], None]) -> None:
        """Begin to watch, in a thread of its own. `changed` is called, from that thread, when `latest`
        or `error` gives something new."""

    def fetch(self) -> Snapshot:
        """Bring the newest revision now; blocks, within time-outs. Raises `SourceError`."""

    def latest(self) -> Snapshot | None:
        """The newest that was seen, None before the first. Doesn't block."""

    def error(self) -> SourceError | None:
        """Why the newest attempt failed, None when it didn't. Doesn't block."""

    def at(self, revision_id: str) -> Snapshot | None:
        """An earlier revision, None when it can no longer be had."""

    def wake(self) -> None:
        """Look at once: a webhook was called, a push has arrived."""

    def close(self) -> None:
        """Stop watching and end whatever runs. May be called twice."""
