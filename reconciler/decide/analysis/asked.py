"""What somebody asks to be judged."""

from __future__ import annotations

from typing import Any

from reconciler.model.base import Value
from reconciler.model.delivery import RunRole
from reconciler.model.meta import Key
from reconciler.model.rollout import RolloutAnalysis


class Asked(Value):
    """A run that a delivery asks for. `fields` is the asking object as plain data, for `fieldRef`.

    `served`: a pod of the new version is available, so that there can be requests to it.
    """

    key: Key
    owner: Key
    role: RunRole
    analysis: RolloutAnalysis
    step: int | None = None
    template_hash: str = ""
    stable_hash: str = ""
    canary: tuple[str, ...] = ()
    stable: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    served: bool = True
    fields: dict[str, Any] = {}
