"""Long-lived threads, each with an owner: what escapes is said and tried again, and each is known to live.

A thread says with `sign_of_life` that it isn't stuck, and until when it says so next; `/healthz` asks which
are late, metrics show the rest. Which threads there are, Python knows: nobody has to hand a list around.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from math import inf
from time import monotonic

from reconciler.errors import ReconcilerError
from reconciler.model.base import Value
from reconciler.printable import printable

PATIENCE_S = 300.0
"""A thread that has given no sign of life for so long is stuck, unless it said that it takes longer."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
STOPPED_S = 10.0
"""In so many seconds several threads of a daemon give signs of life: without any, all of it stood still."""
STEADY_S = 60.0
"""After a run of so long the pauses begin anew, and the failure before it is forgotten."""
MOST_TOLD = 16
MOST_CHARACTERS = 300
_log = logging.getLogger(__name__)


class Life(Value):
    """How the threads of one name stand: seconds since the last sign, and beyond what was promised."""

    name: str
    silent: float
    late: float
    failures: int


class Running:
    """A clock of the time that this process runs. Thread-safe; `clock` is for tests.

    One that was stopped (SIGSTOP, a debugger, a frozen container) knows it only by nobody's having looked at
    the clock: that time isn't counted, so no thread is late by it.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._stopped, self._looked_at = 0.0, clock()

    def __call__(self) -> float:
        """Seconds. Whoever asks shows that the process runs."""
        with self._lock:
            now = self._clock()
            since = now - self._looked_at
            self._stopped += since if since > STOPPED_S else 0.0
            self._looked_at = now
            return now - self._stopped


running = Running()


class Supervised(threading.Thread):
    """Runs `work` until it returns; after an exception it is run again, after 0.5, 1, 2, ... 60 seconds.

    `said` is told in one line why it failed, each time; without it that stands in `complaints`. Then
    `changed` is called. The log has each failure once, with its traceback.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        *,
        said: Callable[[str], None] | None = None,
        changed: Callable[[], None] = lambda: None,
        first_pause: float = FIRST_PAUSE_S,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work, self._said, self._changed, self._first_pause = work, said, changed, first_pause
        self._ending = threading.Event()
        self._told: set[str] = set()
        self._since: float | None = None
        """When the present run began; None in a pause."""
        self.seen_at = running()
        self.due = self.seen_at + PATIENCE_S
        self.failures = 0
        self.failure = ""
        """Of the run before this one."""

    def end(self) -> None:
        """Don't begin again. Whatever `work` waits for is for its owner to end."""
        self._ending.set()

    def run(self) -> None:
        in_a_row = 0
        while not self._ending.is_set():
            self._since = monotonic()
            try:
                self._work()
                return
            except Exception as error:
                if self._ending.is_set():
                    return
                in_a_row = 0 if self.steady else in_a_row
                self._since = None
                self._fail(error)
            sign_of_life(LONGEST_PAUSE_S)
            self._ending.wait(min(LONGEST_PAUSE_S, self._first_pause * 2.0 ** min(in_a_row, 10)))
            in_a_row += 1

    @property
    def steady(self) -> bool:
        return self._since is not None and monotonic() - self._since >= STEADY_S

    @property
    def complaint(self) -> str:
        """Of one that failed a moment ago and says it nowhere else; empty for all others."""
        if not self.failure or self._said is not None or self.steady:
            return ""
        often = f" ({self.failures} times)" if self.failures > 1 else ""
        return f"thread {self.name} ended and was begun again{often}: {self.failure}"

    def _fail(self, error: Exception) -> None:
        self.failures += 1
        self.failure = reason(error)
        if self.failure in self._told:
            _log.debug("%s: again: %s", self.name, self.failure)
        else:
            if len(self._told) < MOST_TOLD:
                self._told.add(self.failure)
            _log.error("%s: %s; it is tried again", self.name, self.failure, exc_info=error)
        try:
            if self._said is not None:
                self._said(self.failure)
            self._changed()
        except Exception:
            _log.exception("%s: and that can't be said", self.name)


def sign_of_life(within: float = PATIENCE_S) -> None:
    """The calling thread isn't stuck, and says so again within so many seconds; `inf`: it waits for work.

    Nothing where the thread isn't a supervised one.
    """
    thread = threading.current_thread()
    if isinstance(thread, Supervised):
        thread.seen_at = running()
        thread.due = thread.seen_at + max(PATIENCE_S, within)


def lives() -> tuple[Life, ...]:
    """Every supervised thread that goes on, by name; of several with one name the one that is worst off."""
    now = running()
    found: dict[str, Life] = {}
    for thread in _threads():
        life = Life(
            name=thread.name,
            silent=0.0 if thread.due == inf else now - thread.seen_at,
            late=max(0.0, now - thread.due),
            failures=thread.failures,
        )
        other = found.get(life.name)
        found[life.name] = life if other is None else _worse(life, other)
    return tuple(found[name] for name in sorted(found))


def stuck() -> tuple[str, ...]:
    """Those that should have given a sign of life, each in a few words."""
    late = (one for one in lives() if one.late)
    return tuple(f"{one.name} has given no sign of life for {one.silent:.0f} s" for one in late)


def complaints() -> tuple[str, ...]:
    """What escaped from threads a moment ago and is said nowhere else, each in one line."""
    return tuple(sorted({thread.complaint for thread in _threads()} - {""}))


def reason(error: BaseException) -> str:
    """Why a thread ended, in one bounded line. What isn't expected is a bug."""
    if isinstance(error, ReconcilerError):
        text = error.line
    elif isinstance(error, OSError):
        text = error.strerror or str(error) or type(error).__name__
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = f"internal error: {error!r}; this is a bug, please report it"
    text = printable(" ".join(text.split()))
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..."


def _threads() -> list[Supervised]:
    return [thread for thread in threading.enumerate() if isinstance(thread, Supervised)]


def _worse(one: Life, other: Life) -> Life:
    worst = max(one, other, key=lambda life: (life.late, life.silent))
    return Life(name=worst.name, silent=worst.silent, late=worst.late, failures=one.failures + other.failures)
