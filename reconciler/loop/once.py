"""Converge once: run the loop until one revision has converged, or can't."""

from __future__ import annotations

import time
from collections.abc import Callable

from reconciler.loop.turn import Turn


class Finish:
    """Tells when a one-shot run is over: nothing is under way or being measured, and nothing more can come of
    waiting.

    `timeout` in seconds bounds it all. `settle` is how long nodes that haven't answered yet are
    waited for, and how long a blocked fleet is given to become unblocked by what is ending.
    """

    def __init__(self, timeout: float | None, settle: float, clock: Callable[[], float] = time.monotonic):
        self._clock, self._began, self._settle = clock, clock(), settle
        self._timeout, self._stuck_since = timeout, 0.0
        self.timed_out = False

    def __call__(self, turn: Turn) -> bool:
        now = self._clock()
        if self._timeout is not None and now - self._began > self._timeout:
            self.timed_out = True
            return True
        if turn.plan is None or turn.begun or not turn.idle or turn.plan.measures:
            return self._moving()
        if any(node.reachable is None for node in turn.observed.nodes.values()):
            return now - self._began > self._settle
        if turn.plan.goes_on:
            return self._moving()
        return turn.plan.standing not in ("blocked", "failed") or self._stuck(now)

    def _moving(self) -> bool:
        self._stuck_since = 0.0
        return False

    def _stuck(self, now: float) -> bool:
        self._stuck_since = self._stuck_since or now
        return now - self._stuck_since >= self._settle

    def nap(self) -> float:
        """The longest the loop may sleep so that this is asked again in time, in seconds."""
        return 0.5 if self._stuck_since or self._timeout is not None else self._settle
