"""What is said of a name under which there is nothing."""

from __future__ import annotations

from difflib import get_close_matches

from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Kept
from reconciler.manifests.said import Said
from reconciler.model.finding import Severity
from reconciler.model.meta import Key


def missing(key: Key, path: Path, kept: Kept, *, complete: bool) -> Said:
    """An error, and a warning where the object may stand in files that weren't read."""
    where = "" if complete else " in these files"
    severity: Severity = "error" if complete else "warning"
    return Said(path, f"there is no {key}{where}", _remedy(key, kept), severity, "reference", lacks=key)


def _remedy(key: Key, kept: Kept) -> str:
    elsewhere = [k for k in kept if k.kind == key.kind and k.name == key.name]
    if elsewhere:
        return f"it is in namespace {elsewhere[0].namespace}; only the own namespace is looked in"
    names = [k.name for k in kept if k.kind == key.kind and k.namespace == key.namespace]
    near = get_close_matches(key.name, names, 1, 0.7)
    return f"did you mean {near[0]}?" if near else f"add the {key.kind}"
