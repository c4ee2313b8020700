"""Every node's last state, as one value. Only nodes whose state changed cost anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from reconciler.engine.node import Node
from reconciler.model.observed import NodeState, Observed


class FleetView:
    """`nodes` by name. Watching begins with `start`; without it, `refresh` asks once."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._seen: dict[str, NodeState] = {}
        self._observed = Observed()

    def start(self, changed: Callable[[], None]) -> None:
        for node in self._nodes.values():
            node.start(changed)

    def refresh(self) -> Observed:
        """Ask every node now, side by side; one that can't be reached is seen as such."""
        with ThreadPoolExecutor(max(1, min(32, len(self._nodes)))) as pool:
            for state in pool.map(lambda node: node.refresh(), self._nodes.values()):
                self._take(state)
        return self._observed

    def observe(self) -> Observed:
        """As last seen; the same object as before while nothing changed."""
        for node in self._nodes.values():
            self._take(node.state())
        return self._observed

    def _take(self, state: NodeState) -> None:
        if self._seen.get(state.name) is not state:
            self._seen[state.name] = state
            self._observed = self._observed.with_node(state)

    def close(self) -> None:
        for node in self._nodes.values():
            node.close()
