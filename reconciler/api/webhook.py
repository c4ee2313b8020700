"""The webhook: a signed call that wakes the loop, and does nothing else.

What it says about commits is not believed; the loop asks the source.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from aiohttp import web

from reconciler.api.daemon import Verify

log = logging.getLogger(__name__)

MAX_BODY = 5 * 2**20
"""Bytes. A push of thousands of commits fits; more is refused unread."""
PER_MINUTE = 120
"""Calls from one address that are looked at; beyond that nothing is read."""
MAX_CALLERS = 1_000
"""Addresses that are remembered; the one that called longest ago is forgotten first."""
BODY_TIMEOUT_S = 10.0


def webhook(wake: Callable[[], None], verify: Verify) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answers 202 and wakes, 401 when the signature is wrong, 408, 413 and 429 as HTTP has them."""
    callers = Callers()

    async def handle(request: web.Request) -> web.Response:
        if not callers.may_call(request.remote or "", time.monotonic()):
            return _answer(429, "too many calls; the next one is heard in a minute")
        try:
            body = await asyncio.wait_for(request.read(), BODY_TIMEOUT_S)
        except TimeoutError:
            return _answer(408, f"the body didn't come within {BODY_TIMEOUT_S:.0f} s")
        wrong = verify(request.headers, body)
        if wrong is not None:
            log.warning("webhook refused: %s", wrong, extra={"context": {"from": request.remote}})
            return _answer(401, wrong)
        wake()
        return _answer(202, "awake")

    return handle


class Callers:
    """A budget for each address, so that a flood from one doesn't keep the others out."""

    def __init__(self) -> None:
        self._budgets: OrderedDict[str, Budget] = OrderedDict()

    def may_call(self, address: str, now: float) -> bool:
        budget = self._budgets.setdefault(address, Budget(PER_MINUTE, 60.0))
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


def _answer(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
