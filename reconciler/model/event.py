"""Something that happened and that people want to read: what `kubectl get events` lists."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Told
from reconciler.model.meta import Key


class Event(Told):
    """`at` in seconds since the epoch; `reason` a CamelCase word; `node` and `revision` where known."""

    at: float
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    about: Key
    node: str = ""
    revision: str = ""
