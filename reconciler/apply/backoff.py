"""What failed is tried again, but not at once: whatever the cause, a node isn't hammered.

Decides nothing: the action is done as soon as a plan wants it and its pause is over. Pods that couldn't be
started have a longer memory, in progress (`decide.attempts`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from time import monotonic
from typing import NamedTuple

from reconciler.errors import NodeUnreachable, ReconcilerError
from reconciler.model.action import AnyAction, PodAction, Publish, StartPod

FIRST_S, LONGEST_S = 1.0, 60.0
FIRST_UNREACHABLE_S, LONGEST_UNREACHABLE_S = 0.5, 4.0
"""A node that doesn't answer: it may soon, or is known to be lost, and then no plan asks for it."""
FORGET_S = 600.0
"""A pause that has been over for so long and led to no further failure is forgotten."""

_Task = tuple[str, str, str]


class Failure(NamedTuple):
    """An action, its newest error, how often it failed in a row, and when the next try is due (`clock`)."""

    action: AnyAction
    error: Exception
    times: int
    due: float

    def __str__(self) -> str:
        often = f" ({self.times} times)" if self.times > 1 else ""
        said = self.error.line if isinstance(self.error, ReconcilerError) else repr(self.error)
        return f"failed to {self.action.verb} {self.action.subject}{often}: {said}"


class Backoff:
    """Thread-safe. Pauses of 1, 2, 4, ... 60 seconds after each failure of one thing in a row; of 0.5 to 4
    where the node didn't answer.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[_Task, Failure] = {}

    def ended(self, action: AnyAction, error: Exception | None) -> None:
        """Take in how it ended; `error` None: well."""
        if isinstance(action, StartPod):
            return
        with self._lock:
            task, now = _task(action), self._clock()
            before = self._failures.pop(task, None)
            if error is not None:
                times = before.times if before else 0
                self._failures[task] = Failure(action, error, times + 1, now + _pause(error, times))
            self._failures = {t: f for t, f in self._failures.items() if f.due + FORGET_S > now}

    def holds(self, action: AnyAction) -> bool:
        """It failed a moment ago: not yet. A proxy that is to be told something else is told at once: a stop
        may wait for that.
        """
        with self._lock:
            found = self._failures.get(_task(action))
            return found is not None and found.due > self._clock() and not _news(action, found.action)

    def pause(self) -> float | None:
        """Seconds until the next pause is over; None when none is under way."""
        with self._lock:
            now = self._clock()
            return min((f.due - now for f in self._failures.values() if f.due > now), default=None)

    def failing(self, wanted: Iterable[AnyAction]) -> tuple[Failure, ...]:
        """Those of the wanted actions that failed when they were last tried, in their order."""
        with self._lock:
            found = (self._failures.get(_task(action)) for action in wanted)
            return tuple(failure for failure in found if failure is not None)


def _pause(error: Exception, times: int) -> float:
    silent = isinstance(error, NodeUnreachable)
    first, longest = (FIRST_UNREACHABLE_S, LONGEST_UNREACHABLE_S) if silent else (FIRST_S, LONGEST_S)
    return min(longest, first * 2.0 ** min(times, 10))


def _news(action: AnyAction, failed: AnyAction) -> bool:
    return isinstance(action, Publish) and isinstance(failed, Publish) and action.traffic != failed.traffic


def _task(action: AnyAction) -> _Task:
    return type(action).__name__, action.node, str(action.key) if isinstance(action, PodAction) else ""
