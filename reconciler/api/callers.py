"""How often each address may call, so that nobody keeps this process busy for himself alone."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

MAX_CALLERS = 1_000
"""Addresses that are remembered; the one that called longest ago is forgotten first."""
ASKED_PER_MINUTE = 600
"""Requests of one address that are answered. A page that looks every second asks for a tenth of that."""
FREE = "/healthz"
"""Whether the daemon is well costs nothing to say, and whoever asks restarts it when nothing is said."""


def moderate() -> Middleware:
    """A middleware that answers 429 to who asks too often."""
    callers = Callers(ASKED_PER_MINUTE)

    @web.middleware
    async def judge(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path == FREE or callers.may_call(request.remote or "", time.monotonic()):
            return await handler(request)
        return web.Response(status=429, text="too many requests; ask again in a minute\n")

    return judge


class Callers:
    """A budget for each address, so that a flood from one doesn't keep the others out."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def may_call(self, address: str, now: float) -> bool:
        budget = self._budgets.setdefault(address, Budget(self._per_minute, 60.0))
        self._budgets.move_to_end(address)
        if len(self._budgets) > MAX_CALLERS:
            self._budgets.popitem(last=False)
        return budget.take(now)


class Budget:
    """At most `calls` in any `seconds`."""

    def __init__(self, calls: int, seconds: float) -> None:
        self._calls, self._seconds = calls, seconds
        self._taken: deque[float] = deque()

    def take(self, now: float) -> bool:
        """Whether there is one left at `now` (monotonic seconds); takes it."""
        while self._taken and self._taken[0] <= now - self._seconds:
            self._taken.popleft()
        if len(self._taken) >= self._calls:
            return False
        self._taken.append(now)
        return True
