"""The loop's time. Durations are counted by it: deadlines, pauses, back-offs, how long a node is lost.

It never jumps. A wall clock that is set moves nothing, and time in which the loop didn't run (a suspended
laptop, a stopped process, a pass that hung) isn't counted: nothing was looked at then, so nothing may be
judged by it.

It begins at what the wall clock shows, or where an earlier life of the reconciler stopped while it waited
for something. From then on it may fall behind the wall clock, or be ahead of it; once nothing waits for any
time it falls in with it again (`fall_in`). So the moments that are remembered are those that people know, but
for what happened in the middle of something that was interrupted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

BEAT_S = 1.0
"""The loop says at least so often that it runs."""
GAP_S = 5.0
"""Silence that is longer is a time in which it didn't run. A busy machine may take some seconds."""
STEP_S = 0.5
"""By so much a wall clock differs that was set, and not only corrected."""


def elapsed() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps: sleep is seen by it."""
    known = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(known) if known is not None else time.monotonic()


class SteadyClock:
    """Thread-safe. `begin` in seconds since the epoch; None: now. `wall` and `elapsed` are for tests."""

    def __init__(
        self,
        begin: float | None = None,
        *,
        wall: Callable[[], float] = time.time,
        elapsed: Callable[[], float] = elapsed,
    ) -> None:
        self._wall, self._elapsed = wall, elapsed
        self._lock = threading.Lock()
        self._time = wall() if begin is None else begin
        self._beat_at = elapsed()
        self._lost, self._stalled = 0.0, False
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as far as they were counted."""
        with self._lock:
            return self._time + min(self._since(), BEAT_S)

    def wall(self) -> float:
        """What people's clocks show."""
        return self._wall()

    def lost(self) -> float:
        """Seconds that weren't counted, in all. What was found out while they grew says nothing."""
        with self._lock:
            since = self._since()
            return self._lost + (since - BEAT_S if since > GAP_S else 0.0)

    def beat(self) -> None:
        """The loop runs."""
        with self._lock:
            since = self._since()
            if since > GAP_S:
                self._lost += since - BEAT_S
                self._stalled = True
                since = BEAT_S
            self._time += since
            self._beat_at = self._elapsed()

    def stalled(self) -> bool:
        """Whether the loop hasn't run for a while since this was asked last."""
        with self._lock:
            found, self._stalled = self._stalled, False
            return found

    def ahead(self) -> float:
        """By how much people's clocks are ahead of this one. The same number as long as nobody sets them."""
        found = self.wall() - self.now()
        if abs(found - self._ahead) >= STEP_S:
            self._ahead = found if abs(found) >= STEP_S else 0.0
        return self._ahead

    def fall_in(self) -> None:
        """Show what people's clocks show. Only while nothing waits for a time, and nothing is counted."""
        with self._lock:
            self._time, self._beat_at = self._wall(), self._elapsed()
            self._ahead, self._stalled = 0.0, True

    def _since(self) -> float:
        """Seconds since the last beat. You hold the lock."""
        return max(0.0, self._elapsed() - self._beat_at)
