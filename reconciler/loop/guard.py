"""Bugs in what the loop calls: each is logged with its trace once, not in every pass. The loop goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from reconciler.errors import ReconcilerError
from reconciler.model.plan import Bug

LOG = logging.getLogger("reconciler.loop")
MOST = 1000
"""Different bugs that are remembered as logged."""
T = TypeVar("T")
_Mark = tuple[str, str, str, int]


class Guard:
    """One loop's. `caught`: what it has caught and nobody has been told of yet (`said`)."""

    def __init__(self) -> None:
        self._logged: dict[_Mark, None] = {}
        self.caught: list[Bug] = []

    def __call__(self, about: str, call: Callable[[], T], otherwise: T) -> T:
        """What `call` gives, `otherwise` if it raises what nobody expects."""
        try:
            return call()
        except (ReconcilerError, BrokenPipeError):
            raise
        except Exception as error:
            self.caught.append(Bug(about, error))
            self.log(self.caught[-1:])
            return otherwise

    def log(self, bugs: Iterable[Bug]) -> None:
        """Those that are new."""
        for bug in bugs:
            mark = _mark(bug)
            if mark in self._logged:
                continue
            if len(self._logged) >= MOST:
                self._logged.clear()
            self._logged[mark] = None
            LOG.error("%s: %s", bug.about, bug, exc_info=bug.error)

    def said(self) -> tuple[str, ...]:
        """What was caught, in words; told once."""
        said = tuple(dict.fromkeys(f"{bug.about}: {bug}" for bug in self.caught))
        self.caught = []
        return said


def _mark(bug: Bug) -> _Mark:
    """The same bug of the same object: by where it was raised."""
    trace, place = bug.error.__traceback__, ("", 0)
    while trace is not None:
        place = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return bug.about, type(bug.error).__name__, *place
