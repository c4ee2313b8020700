"""Checks a push in a process of its own, which is held to limits of time and memory: a pusher decides what is
looked at. However that process ends, this one is there to say so, and says no.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from reconciler.errors import ReconcilerError, SourceError

OUT_OF_MEMORY, BUG = 4, 3
"""Exit codes, beside 0 and 1 for yes and no."""
UNWINDING_S = 10.0
"""How long it may take to put away what it had begun, once its time is over."""


def held(check: Callable[[], bool], say: Callable[[str], None]) -> bool:
    """What `check` answers; False, with words, when it raises `ReconcilerError` or goes beyond a limit."""
    from reconciler.source.limits import HOOK_SECONDS, MAX_MEMORY

    child = os.fork()
    if child == 0:
        os._exit(_checked(check, say))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.setitimer(signal.ITIMER_REAL, HOOK_SECONDS + UNWINDING_S)
    try:
        _, status, used = os.wait4(child, 0)
    except BaseException:
        os.kill(child, signal.SIGTERM)
        raise
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        # Python that runs out of memory ends in many ways.
        large = code == OUT_OF_MEMORY or used.ru_maxrss * 1024 > MAX_MEMORY * 3 // 4
        found = (
            f"takes more than {MAX_MEMORY >> 20} MB of memory" if large else f"ended unexpectedly ({code})"
        )
        say(f"refused: to check it {found}\n  push less at once")
    return code == 0


def _checked(check: Callable[[], bool], say: Callable[[str], None]) -> int:
    from reconciler.manifests.rlimits import hold
    from reconciler.source.limits import HOOK_SECONDS, MAX_MEMORY, MAX_PACK_BYTES

    def over(_number: int, _frame: object) -> NoReturn:
        remedy = "push less at once; submodules and kustomizations take time, too"
        raise SourceError(f"it couldn't be checked within {HOOK_SECONDS:g} s", remedy=remedy)

    hold(0, memory=MAX_MEMORY, file_bytes=MAX_PACK_BYTES)
    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, HOOK_SECONDS)
    try:
        return 0 if check() else 1
    except ReconcilerError as error:
        say(f"refused: {error}")
        return 1
    except MemoryError:
        return OUT_OF_MEMORY
    except SystemExit:  # the pusher has gone, or we were told to end
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return BUG
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
