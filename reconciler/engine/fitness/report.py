"""What the doctor says of a node."""

from __future__ import annotations

import logging
from typing import Literal

from reconciler.model.base import Told

log = logging.getLogger(__name__)

Status = Literal["ok", "warn", "fail"]


class Check(Told):
    """One line of the report."""

    name: str
    status: Status
    found: str
    remedy: str = ""


class Report(Told):
    """Every check of one node, in order; the first failure of the way in ends it."""

    node: str
    address: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        return any(c.status == "fail" for c in self.checks)


def unforeseen(error: Exception) -> tuple[str, str]:
    """What a check says, and its remedy, where our own code failed on what the node said or did."""
    log.debug("a check failed", exc_info=error)
    said = " ".join(str(error).split())[:200]
    return (
        f"what the node says can't be understood: {type(error).__name__}{f': {said}' if said else ''}",
        "look whether sshd and Docker are well on the node; if they are, this is a bug: please report it",
    )
