"""The choice of a node: away from its own kind first, then the least loaded. Deterministic."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush

from reconciler.decide.schedule.explain import Obstacle, explain
from reconciler.decide.schedule.filters import Refused, discouraged, preference
from reconciler.decide.schedule.fit import obstacle
from reconciler.decide.schedule.ground import Ground
from reconciler.decide.schedule.requests import requests_of
from reconciler.decide.schedule.room import Room
from reconciler.decide.schedule.topology import Topology
from reconciler.decide.survey import NodeView
from reconciler.decide.version import Version
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord

Score = tuple[int, int, int, int, int, int, str]
"""Smaller is better: discouraging taints, pods of this version, of this owner, dislike, load, pods, name."""


class Placer:
    """Places pods of one version, one after the other. `own` are the owner's pods that have a place."""

    def __init__(
        self,
        ground: Ground,
        version: Version,
        owner: Key,
        own: Iterable[PodRecord],
        refused: Refused = frozenset(),
    ) -> None:
        self._ground, self._version, self._owner = ground, version, owner
        self._asked = requests_of(version.spec)
        self._needs_ip = not version.spec.host_network
        found = ground.candidates(version.spec, refused)
        self._good, self._bad, self._pool = found.good, found.bad, found.pool
        self._topology = Topology(ground, version, owner.namespace)
        self._same: dict[str, int] = {}
        self._all: dict[str, int] = {}
        for record in own:
            self._count(record)
        self._obstacles: dict[str, Obstacle] = {}
        self._heap: list[Score] | None = None
        self._aside: list[Room] = []

    def choose(self) -> NodeView | None:
        """The best node that fits now, None if there is none (`why_not` says why)."""
        if self._topology.concerns:
            return self._scan()
        return (self._fresh() if self._pool else None) or self._pop()

    def placed(self, record: PodRecord) -> None:
        """The pod went to where `choose` said."""
        self._ground.take(record, self._asked)
        self._count(record)
        view = self._ground.survey.views[record.node]
        if self._topology.concerns:
            self._topology.placed(record, view)
        elif self._heap is not None:
            heappush(self._heap, self._score(view))

    def done(self) -> None:
        """Give back to other workloads the nodes that this one has put aside."""
        for room in self._aside:
            if self._pool is not None:
                self._pool.put(room)
        self._aside = []

    def why_not(self) -> str:
        static = {name: Obstacle(text=reason) for name, reason in self._bad.items()}
        return explain(static | self._obstacles)

    def _count(self, record: PodRecord) -> None:
        self._all[record.node] = self._all.get(record.node, 0) + 1
        if record.template_hash == self._version.template_hash:
            self._same[record.node] = self._same.get(record.node, 0) + 1

    def _fresh(self) -> NodeView | None:
        """The least loaded node without a pod of this owner: better than any that has one."""
        while self._pool is not None and (room := self._pool.pop()) is not None:
            self._aside.append(room)
            if room.view.name not in self._all and self._fits(room):
                return room.view
        return None

    def _pop(self) -> NodeView | None:
        """What doesn't fit once won't fit later in this pass: it leaves the heap for good."""
        if self._heap is None:
            self._heap = [self._score(v) for v in self._good if v.name not in self._obstacles]
            heapify(self._heap)
        while self._heap:
            view = self._ground.survey.views[heappop(self._heap)[-1]]
            if self._fits(self._ground.room(view)):
                return view
        return None

    def _scan(self) -> NodeView | None:
        """Where other pods matter, every placement can change every node's answer."""
        open_nodes = [v for v in self._good if self._allowed(v)]
        return min(open_nodes, key=self._score, default=None)

    def _allowed(self, view: NodeView) -> bool:
        reason = self._topology.obstacle(view, self._good)
        if reason:
            self._obstacles[view.name] = Obstacle(text=reason)
        return not reason and self._fits(self._ground.room(view))

    def _fits(self, room: Room) -> bool:
        found = obstacle(room, self._asked, self._ground.slices, needs_ip=self._needs_ip)
        if found is not None:
            self._obstacles[room.view.name] = found
        return found is None

    def _score(self, view: NodeView) -> Score:
        room, name, spec = self._ground.room(view), view.name, self._version.spec
        liked = preference(view, spec) if spec.affinity.node_affinity else 0
        if self._topology.concerns:
            liked += self._topology.preference(view)
        unwelcome = discouraged(view, spec) if view.spec and view.spec.taints else 0
        return unwelcome, self._same.get(name, 0), self._all.get(name, 0), -liked, room.load, room.pods, name
