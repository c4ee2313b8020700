"""What failed is tried again, but not at once: whatever the cause, a node isn't hammered.

Decides nothing: the action is done as soon as a plan wants it and its pause is over. Pods that couldn't be
started have a longer memory, in progress (`decide.attempts`); lost nodes have their own (`engine.watch`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from reconciler.errors import NodeUnreachable
from reconciler.model.action import AnyAction, PodAction, StartPod

FIRST_S, LONGEST_S = 1.0, 60.0
FORGET_S = 600.0
"""A pause that has been over for so long and led to no further failure is forgotten."""

_Task = tuple[str, str, str]


class Backoff:
    """Thread-safe. Pauses of 1, 2, 4, ... 60 seconds after each failure of one thing in a row."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[_Task, tuple[int, float]] = {}
        """How often in a row, and when the next try is due."""

    def ended(self, action: AnyAction, error: Exception | None) -> None:
        """Take in how it ended; `error` None: well."""
        if isinstance(action, StartPod) or isinstance(error, NodeUnreachable):
            return
        with self._lock:
            task, now = _task(action), self._clock()
            before, _ = self._failures.pop(task, (0, 0.0))
            if error is not None:
                pause = min(LONGEST_S, FIRST_S * 2.0 ** min(before, 10))
                self._failures[task] = before + 1, now + pause
            self._failures = {t: f for t, f in self._failures.items() if f[1] + FORGET_S > now}

    def holds(self, action: AnyAction) -> bool:
        """It failed a moment ago: not yet."""
        with self._lock:
            return self._failures.get(_task(action), (0, 0.0))[1] > self._clock()

    def pause(self) -> float | None:
        """Seconds until the next pause is over; None when none is under way."""
        with self._lock:
            now = self._clock()
            return min((due - now for _, due in self._failures.values() if due > now), default=None)


def _task(action: AnyAction) -> _Task:
    return type(action).__name__, action.node, str(action.key) if isinstance(action, PodAction) else ""
