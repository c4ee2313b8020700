"""The webhook: a signed call that wakes the loop, and does nothing else.

What it says about commits is not believed; the loop asks the source.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from reconciler.api.callers import Callers
from reconciler.api.daemon import Verify

log = logging.getLogger(__name__)

MAX_BODY = 5 * 2**20
"""Bytes. A push of thousands of commits fits; more is refused unread."""
PER_MINUTE = 120
"""Calls from one address that are looked at; beyond that nothing is read."""
BODY_TIMEOUT_S = 10.0
READ_AT_ONCE, READ_OF_ONE = 8, 2
"""Bodies that are being read at a time, of all callers and of one: 40 MiB of memory at most."""


def webhook(wake: Callable[[], None], verify: Verify) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answers 202 and wakes, 401 when the signature is wrong, 408, 413 and 429 as HTTP has them."""
    callers, refused = Callers(PER_MINUTE), Callers(1)
    reading = Counter[str]()

    async def handle(request: web.Request) -> web.Response:
        who = request.remote or ""
        if not callers.may_call(who, time.monotonic()):
            return _answer(429, "too many calls; the next one is heard in a minute")
        if reading[who] >= READ_OF_ONE or reading.total() >= READ_AT_ONCE:
            return _answer(429, "too many calls at the same time")
        reading[who] += 1
        try:
            body = await asyncio.wait_for(request.read(), BODY_TIMEOUT_S)
        except TimeoutError:
            return _answer(408, f"the body didn't come within {BODY_TIMEOUT_S:.0f} s")
        finally:
            reading.subtract([who])
            if not reading[who]:
                del reading[who]
        wrong = verify(request.headers, body)
        if wrong is not None:
            if refused.may_call(who, time.monotonic()):
                log.warning("webhook refused: %s", wrong, extra={"context": {"from": who}})
            return _answer(401, wrong)
        wake()
        return _answer(202, "awake")

    return handle


def _answer(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
