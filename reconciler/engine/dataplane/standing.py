"""How a node's data plane stands, as those who decide see it."""

from __future__ import annotations

from reconciler.model.base import Value
from reconciler.model.observed import DataPlane
from reconciler.model.traffic import NodeTraffic


class Standing(Value):
    """See `NodeState`: the same, apart."""

    data_plane: DataPlane = ""
    traffic: NodeTraffic | None = None
    uncertain: tuple[NodeTraffic, ...] = ()
    untold_since: float | None = None
    complaints: tuple[str, ...] = ()
