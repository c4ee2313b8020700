"""Every node's last state, as one value. Only nodes whose state changed cost anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from reconciler.engine.node import Node
from reconciler.model.observed import NodeState, Observed


class FleetView:
    """`nodes` by name. Watching begins with `start`; without it, `refresh` asks once."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._seen: dict[str, NodeState] = {}
        self._observed = Observed()
        self._pool: ThreadPoolExecutor | None = None
        self._asked: dict[str, Future[NodeState]] = {}

    def start(self, changed: Callable[[], None]) -> None:
        for node in self._nodes.values():
            node.start(changed)

    def refresh(self) -> Observed:
        """Ask every node now, side by side; one that can't be reached is seen as such."""
        with ThreadPoolExecutor(max(1, min(32, len(self._nodes)))) as pool:
            for state in pool.map(lambda node: node.refresh(), self._nodes.values()):
                self._take(state)
        return self._observed

    def look_again(self) -> None:
        """Ask every node now, beside the caller. One that still has an earlier question isn't asked twice."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max(1, min(32, len(self._nodes))), "look")
        for name, node in self._nodes.items():
            if name not in self._asked or self._asked[name].done():
                self._asked[name] = self._pool.submit(node.refresh)

    @property
    def looking(self) -> bool:
        """Some node hasn't answered yet, nor been found not to."""
        return any(not asked.done() for asked in self._asked.values())

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
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        for node in self._nodes.values():
            node.close()
