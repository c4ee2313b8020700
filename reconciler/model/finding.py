"""One thing that validation has to say about a manifest."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Told

Severity = Literal["error", "warning", "note"]


class Finding(Told):
    """`str()` gives `apps/web.yaml:14 spec.replicas: expected an integer, found "three"` and the remedy.

    `line` counts from 1, 0 when there is none. `found` never shows a Secret's value.
    """

    file: str
    message: str
    severity: Severity = "error"
    line: int = 0
    column: int = 0
    path: str = ""
    object: str = ""
    found: str = ""
    expected: str = ""
    remedy: str = ""
    rule: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f"{place} {self.path}" if self.path else place
        mark = "" if self.severity == "error" else f"{self.severity}: "
        text = f"{subject}: {mark}{self.message}"
        return f"{text}\n  {self.remedy}" if self.remedy else text
