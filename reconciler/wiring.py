"""The one place where concrete things are built and handed to each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.engine.node import Node
from reconciler.model.fleet import Fleet, NodeSpec
from reconciler.model.observed import Observed

if TYPE_CHECKING:
    from reconciler.engine.simulated import SimulatedFleet


def state_dir(fleet: Fleet) -> Path:
    """Where this machine keeps what it knows of the fleet: history, progress, caches, the lock."""
    given = os.environ.get("RECONCILER_STATE_DIR")
    base = Path(given) if given else _xdg("XDG_STATE_HOME", ".local/state") / "reconciler"
    return base / fleet.metadata.name


def cache_dir(fleet: Fleet) -> Path:
    """Repositories that can be fetched again at any time."""
    given = os.environ.get("RECONCILER_STATE_DIR")
    base = Path(given) if given else _xdg("XDG_CACHE_HOME", ".cache") / "reconciler"
    return base / fleet.metadata.name / "source"


def _xdg(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default)


def build_nodes(fleet: Fleet) -> dict[str, Node]:
    """A node for each of the inventory's, not connected yet. `sim://` addresses share one simulation."""
    nodes: dict[str, Node] = {}
    simulated: SimulatedFleet | None = None
    for spec in fleet.spec.nodes:
        if spec.address.startswith("sim://"):
            from reconciler.engine.simulated import SimulatedFleet

            simulated = simulated or SimulatedFleet(fleet)
            nodes[spec.name] = simulated.node(spec.name)
        else:
            nodes[spec.name] = _real(spec, fleet)
    return nodes


def _real(spec: NodeSpec, fleet: Fleet) -> Node:
    from reconciler.engine.real import RealNode

    return RealNode(spec, fleet)


def observe_once(fleet: Fleet) -> Observed:
    """Every node's state, asked now; nodes that can't be reached are seen as such."""
    from reconciler.loop.fleet import FleetView

    view = FleetView(build_nodes(fleet))
    try:
        return view.refresh()
    finally:
        view.close()
