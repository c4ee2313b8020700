"""The thread in which a source looks for something new. Knows nothing of Git or directories."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from functools import partial

from reconciler.errors import SourceError
from reconciler.source.snapshot import Snapshot
from reconciler.supervision import Supervised, sign_of_life

MAX_BACKOFF_S = 300.0
MIN_RETRY_S = 1.0
JOIN_S = 0.5
"""What a source runs was ended before; what it still waits for, such as a lock, nobody has to wait for."""
LONGEST_S = 1800.0
"""For one attempt: a large repository over a slow line."""
_log = logging.getLogger(__name__)


class Watch:
    """Calls `bring` now, then every `interval` seconds and at each `wake`; remembers how it ended.

    After a failure it waits `retry` seconds (default: `interval`); these pauses double up to five minutes,
    or `interval` if that is longer. `fallback` may know an older snapshot when the first attempt fails.
    """

    def __init__(
        self,
        bring: Callable[[], Snapshot],
        interval: float,
        fallback: Callable[[], Snapshot | None] = lambda: None,
        *,
        retry: float | None = None,
        longest: float = MAX_BACKOFF_S,
    ) -> None:
        self._retry = max(MIN_RETRY_S, interval) if retry is None else retry
        self._longest = longest if retry is not None else max(interval, longest)
        self._bring, self._interval, self._fallback = bring, interval, fallback
        self._latest: Snapshot | None = None
        self._error: SourceError | None = None
        self._failures, self._bug_told = 0, ""
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._closed = threading.Event()
        self._thread: Supervised | None = None

    def start(self, changed: Callable[[], None]) -> None:
        self._thread = Supervised("source", partial(self._run, changed), changed=changed)
        self._thread.start()

    def look(self) -> Snapshot:
        """One attempt, in the caller's thread. Raises `SourceError`."""
        with self._lock:
            try:
                snapshot = self._bring()
            except SourceError as error:
                self._error, self._failures = error, self._failures + 1
                raise
            except Exception as error:
                self._error, self._failures = _bug(error), self._failures + 1
                raise
            if self._latest is None or self._latest.revision.id != snapshot.revision.id:
                self._latest = snapshot
            self._error, self._failures = None, 0
            return snapshot

    def latest(self) -> Snapshot | None:
        return self._latest

    def error(self) -> SourceError | None:
        return self._error

    def wake(self) -> None:
        self._awake.set()

    def close(self) -> None:
        self._closed.set()
        self._awake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.end()
            self._thread.join(JOIN_S)

    def _run(self, changed: Callable[[], None]) -> None:
        told: tuple[str, str] | None = None
        while not self._closed.is_set():
            self._awake.clear()
            sign_of_life(LONGEST_S)
            self._attempt()
            seen = self._state()
            if seen != told and not self._closed.is_set():
                told = seen
                changed()
            pause = self._pause()
            sign_of_life(pause)
            self._awake.wait(pause)

    def _attempt(self) -> None:
        try:
            self.look()
        except SourceError as error:
            _log.debug("source: %s", error)
            if self._latest is None:
                self._fall_back()
        except Exception:
            again, self._bug_told = self._bug_told == str(self._error), str(self._error)
            level = logging.DEBUG if again else logging.ERROR
            _log.log(level, "a bug while reading the source; it will be tried again", exc_info=not again)

    def _fall_back(self) -> None:
        try:
            self._latest = self._fallback()
        except SourceError as error:
            _log.debug("no earlier snapshot either: %s", error)

    def _state(self) -> tuple[str, str]:
        return self._latest.revision.id if self._latest else "", str(self._error or "")

    def _pause(self) -> float:
        """Seconds. A little uneven after failures: many reconcilers may share a server that comes back."""
        if not self._failures:
            return self._interval
        pause: float = min(self._longest, self._retry * 2.0 ** min(self._failures - 1, 10))
        return pause * random.uniform(0.8, 1.0)


def _bug(error: Exception) -> SourceError:
    return SourceError(
        f"internal error: {error!r}", remedy="this is a bug in the reconciler; please report it"
    )
