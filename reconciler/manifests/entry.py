"""One object together with where it was read and what it reads."""

from __future__ import annotations

from typing import NamedTuple

from reconciler.manifests.documents import Path
from reconciler.manifests.references import Reference
from reconciler.model.kinds import Object
from reconciler.model.meta import Key


class Entry(NamedTuple):
    """`document` counts from 0 in `file`, -1 when kustomize printed it; `path` is not empty inside a List."""

    item: Object
    file: str
    document: int
    path: Path
    references: tuple[Reference, ...] = ()


Kept = dict[Key, Entry]
"""Every object once, by its key."""
