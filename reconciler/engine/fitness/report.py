"""What the doctor says of a node."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Value

Status = Literal["ok", "warn", "fail"]


class Check(Value):
    """One line of the report."""

    name: str
    status: Status
    found: str
    remedy: str = ""


class Report(Value):
    """Every check of one node, in order; the first failure of the way in ends it."""

    node: str
    address: str
    checks: tuple[Check, ...]

    @property
    def failed(self) -> bool:
        return any(c.status == "fail" for c in self.checks)
