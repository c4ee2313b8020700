"""Tasks of the API's event loop that must not end: what escapes is said once, and they are begun again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NoReturn

from reconciler.supervision import FIRST_PAUSE_S, LONGEST_PAUSE_S, reason

log = logging.getLogger(__name__)


async def go_on(name: str, work: Callable[[], Awaitable[None]]) -> NoReturn:
    """Until it is cancelled. Pauses of 0.5, 1, 2, ... 60 seconds."""
    told, pause = "", FIRST_PAUSE_S
    while True:
        try:
            await work()
        except Exception as error:
            if (text := reason(error)) != told:
                told = text
                log.error("%s: %s; it is tried again", name, text, exc_info=error)
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE_S, 2 * pause)
