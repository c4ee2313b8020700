"""What somebody told a delivery to do: pause, resume, promote, abort, retry, undo."""

from __future__ import annotations

from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.progress import Progress


def ordered(progress: Progress, order: Order, desired: Desired) -> tuple[Progress, str]:
    """Progress with the order in it, and what it comes to, in words. Raises `UsageError` where it can't be done."""
    raise NotImplementedError
