"""What a check says of one place in an object, before it is known where in which file that stands."""

from __future__ import annotations

import re
from typing import NamedTuple

from reconciler.manifests.documents import Path
from reconciler.model.finding import Finding, Severity
from reconciler.model.meta import Key

_PASSWORD = re.compile(r"//[^/@\s]*:[^@\s]*@")
"""What stands before the host of an address when a password is among it."""


class Said(NamedTuple):
    """`path` leads from the object's root, in JSON names. `expected` and `found` are for programs.

    `lacks` is what isn't there and should be; a Pod without a name stands for any pod of its namespace.
    """

    path: Path
    message: str
    remedy: str = ""
    severity: Severity = "error"
    rule: str = ""
    expected: str = ""
    found: str = ""
    lacks: Key | None = None

    def at(self, file: str, line: int, column: int, name: str) -> Finding:
        return Finding(
            file=file,
            line=line,
            column=column,
            path=dotted(self.path),
            object=name,
            message=self.message,
            severity=self.severity,
            found=self.found,
            expected=self.expected,
            remedy=self.remedy,
            rule=self.rule,
        )


def dotted(path: Path) -> str:
    """`spec.containers[0].env`; a key that holds dots or slashes in brackets: `metadata.labels[a.b/c]`."""
    text = ""
    for part in path:
        if isinstance(part, int) or not part.replace("-", "").replace("_", "").isalnum():
            text += f"[{_brief(str(part))}]"
        else:
            text += f".{_brief(part)}" if text else _brief(part)
    return text


def _brief(part: str) -> str:
    return part if len(part) <= 80 else part[:77] + "..."


def shown(value: object) -> str:
    """A value as it is called in a sentence: short, and collections by their kind only."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        safe = _PASSWORD.sub("//***@", value)
        return f'"{safe}"' if len(safe) <= 60 else f'"{safe[:57]}..."'
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
