"""The inventory as the command line names it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from reconciler.errors import InventoryError
from reconciler.model.fleet import Fleet, PruneSpec


def inventory(path: Path, *, allow_empty: bool = False) -> Fleet:
    """The fleet of nodes.yaml; raises `InventoryError` with what to do when there is none."""
    from reconciler.manifests.inventory import load_fleet

    if not path.is_file():
        remedy = "name it with --fleet FILE, or make one with `reconciler init`"
        raise InventoryError("there is no such inventory", where=str(path), remedy=remedy)
    fleet = load_fleet(path)
    if not allow_empty:
        return fleet
    prune = PruneSpec(enabled=fleet.spec.prune.enabled, allow_empty=True)
    return msgspec.structs.replace(fleet, spec=msgspec.structs.replace(fleet.spec, prune=prune))
