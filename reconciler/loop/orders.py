"""Orders on their way into a pass: given from any thread, taken up by the loop's, answered at its end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from reconciler.errors import UsageError
from reconciler.loop.turn import Ordered
from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.progress import Progress

Fold = Callable[[Progress, Order, Desired], tuple[Progress, str]]
"""`decide.delivery.orders.ordered`: raises `UsageError` where the order can't be carried out."""

Waiting = tuple[Order, "Future[str]"]


class Orders:
    """Thread-safe. One that nobody waits for any more (its future was cancelled) isn't carried out."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._taken: list[tuple[Future[str], str]] = []
        self._closed = False

    def put(self, order: Order) -> Future[str]:
        """Answered with what it came to, or with why it can't be done."""
        future: Future[str] = Future()
        with self._lock:
            if self._closed:
                future.set_exception(_stopping())
            else:
                self._waiting.append((order, future))
        return future

    def take(self, progress: Progress, desired: Desired) -> tuple[Progress, tuple[Ordered, ...]]:
        """Progress with every order in it that makes sense; the others are answered now."""
        done = []
        for order, future in self._drain():
            if not future.set_running_or_notify_cancel():
                continue
            try:
                progress, words = self._fold(progress, order, desired)
            except Exception as error:  # a bug is answered, too: whoever gave the order waits for it
                future.set_exception(error)
                continue
            self._taken.append((future, words))
            done.append(Ordered(order=order, words=words))
        return progress, tuple(done)

    def answer(self) -> None:
        """The pass is over: what it made of the orders can be seen by those who gave them."""
        for future, words in self._taken:
            future.set_result(words)
        self._taken.clear()

    def refuse(self, error: UsageError) -> None:
        """None of those that wait can be carried out."""
        for _, future in self._drain():
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    def close(self) -> None:
        """No pass will come any more."""
        with self._lock:
            self._closed = True
        self.refuse(_stopping())
        for future, _ in self._taken:
            future.set_exception(_stopping())
        self._taken.clear()

    def _drain(self) -> list[Waiting]:
        with self._lock:
            found = list(self._waiting)
            self._waiting.clear()
        return found


def _stopping() -> UsageError:
    return UsageError("the reconciler is stopping", remedy="give the order again when it runs")


def nothing_known() -> UsageError:
    remedy = "`reconciler status` says what is wrong with the source or the revision"
    return UsageError("no good revision is known yet that an order could be about", remedy=remedy)
