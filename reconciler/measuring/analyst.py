"""What the loop holds in its hands: begins measurements, each once, and hands out how they ended."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from queue import SimpleQueue
from typing import TYPE_CHECKING

from reconciler.measuring.haproxy import Rates, Read
from reconciler.model.desired import Contents
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.supervision import Supervised, sign_of_life

if TYPE_CHECKING:
    from reconciler.measuring.fetch import Dial, Encrypt

MOST_THREADS = 16
"""They wait for others nearly all of the time."""
LONGEST_S = 900.0
"""For one measurement: its own time-out ends it long before."""

_Name = tuple[Key, str, int]


class Analyst:
    """`wake` is called, from a thread of ours, when a measurement has ended.

    `read` gives every node's counters. `dial` and `encrypt` lead to Services of the fleet, through a node.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        read: Read,
        *,
        dial: Dial = lambda _namespace, _host, _port, _seconds: None,
        encrypt: Encrypt | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._wake, self._clock = wake, clock
        self._dial, self._encrypt = dial, encrypt
        self._closing = threading.Event()
        self._rates = Rates(read, self._closing.wait)
        self._under_way: set[_Name] = set()
        self._ended: deque[Measured] = deque()
        self._waiting: SimpleQueue[tuple[Measure, Contents] | None] = SimpleQueue()
        self._threads: list[Supervised] = []

    def submit(self, measures: Iterable[Measure], contents: Contents) -> None:
        """Begin those that aren't under way. From one thread, the loop's; returns at once."""
        for asked in measures:
            name = asked.run, asked.metric.name, asked.number
            if name in self._under_way or self._closing.is_set():
                continue
            self._under_way.add(name)
            self._waiting.put((asked, contents))
            self._hire()

    def ended(self) -> list[Measured]:
        """Those that have ended since it was last asked, from the same thread as `submit`.

        Until then they count as under way: what the loop doesn't know yet isn't begun again.
        """
        found = []
        while self._ended:
            found.append(self._ended.popleft())
        self._under_way.difference_update((m.run, m.metric, m.number) for m in found)
        return found

    @property
    def idle(self) -> bool:
        """Nothing is under way, and everything that has ended was handed out."""
        return not self._under_way

    def close(self) -> None:
        """Begin nothing more. What is under way ends by itself, and nobody waits for it."""
        self._closing.set()
        for thread in self._threads:
            thread.end()
            self._waiting.put(None)

    def _hire(self) -> None:
        if len(self._threads) < min(MOST_THREADS, len(self._under_way)):
            number = len(self._threads) + 1
            thread = Supervised(f"measure-{number}", self._work, changed=self._wake)
            thread.start()
            self._threads.append(thread)

    def _next(self) -> tuple[Measure, Contents] | None:
        sign_of_life(inf)
        task = self._waiting.get()
        sign_of_life(LONGEST_S)
        return task

    def _work(self) -> None:
        """What speaks HTTP and TLS is imported here: most runs of the reconciler measure nothing."""
        from reconciler.measuring.fetch import Reach
        from reconciler.measuring.measured import measured

        reach = Reach(dial=self._dial, encrypt=self._encrypt)
        while (task := self._next()) is not None:
            asked, contents = task
            if self._closing.is_set():
                return
            self._ended.append(measured(asked, contents, reach, self._rates, self._clock))
            self._wake()
