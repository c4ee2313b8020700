"""One simulated machine: what is on it, what its proxy does, and what the reconciler sees of both."""

from __future__ import annotations

import msgspec

from reconciler.engine.simulation.simulated_pod import SimulatedPod
from reconciler.model.meta import Key
from reconciler.model.observed import DataPlane, HeldImage, NodeFacts, NodeState
from reconciler.model.traffic import NodeTraffic


class SimulatedMachine:
    """What is on it goes on while nobody can reach it."""

    def __init__(self, name: str, facts: NodeFacts) -> None:
        self.name, self.facts = name, facts
        self.pod_cidr = ""
        self.images: tuple[HeldImage, ...] = ()
        self.data_plane: DataPlane = ""
        self.traffic: NodeTraffic | None = None
        self.uncertain: tuple[NodeTraffic, ...] = ()
        self.untold_since: float | None = None
        self.pods: dict[Key, SimulatedPod] = {}
        self.reachable: bool | None = True
        self.lost_since: float | None = None
        self.stale = True
        self.seen = NodeState(name=name)
        self.next_change: float | None = None

    def look(self, now: float) -> NodeState:
        """As the reconciler sees it now; while it is cut off, as last seen."""
        due = self.next_change is not None and now >= self.next_change
        if self.stale or (due and self.reachable):
            self.seen = self._cut_off() if not self.reachable else self._now(now)
            self.stale = False
        return self.seen

    def remove_images(self, names: tuple[str, ...]) -> None:
        """Their size is free again."""
        gone = [one for one in self.images if one.name in names]
        free = self.facts.disk_free
        if free is not None:
            freed = free + sum(one.size for one in gone)
            self.facts = msgspec.structs.replace(self.facts, disk_free=freed)
        self.images = tuple(one for one in self.images if one not in gone)

    def _now(self, now: float) -> NodeState:
        for key in [k for k, p in self.pods.items() if p.gone_at is not None and p.gone_at <= now]:
            del self.pods[key]
        pods = tuple(pod.at(now) for _, pod in sorted(self.pods.items()))
        changes = [pod.next_change(now) for pod in self.pods.values()]
        self.next_change = min((c for c in changes if c is not None), default=None)
        return NodeState(
            name=self.name,
            reachable=True,
            facts=self.facts,
            pod_cidr=self.pod_cidr,
            data_plane=self.data_plane,
            traffic=self.traffic,
            uncertain=self.uncertain,
            untold_since=self.untold_since,
            pods=pods,
            unused_images=self.images,
        )

    def _cut_off(self) -> NodeState:
        seen = self.seen
        return NodeState(
            name=self.name,
            reachable=self.reachable,
            lost_since=self.lost_since,
            reason="NodeUnreachable" if self.reachable is False else "",
            facts=seen.facts,
            pod_cidr=seen.pod_cidr,
            data_plane=seen.data_plane,
            traffic=seen.traffic,
            uncertain=seen.uncertain,
            untold_since=seen.untold_since,
            pods=seen.pods,
            unused_images=seen.unused_images,
        )

    def told(self, traffic: NodeTraffic | None) -> None:
        """Its proxy does this, and nothing else."""
        self.traffic, self.uncertain, self.untold_since = traffic, (), None

    def told_in_part(self, traffic: NodeTraffic, now: float) -> None:
        """Who knows how much of it has come through?"""
        before = self.uncertain or ((self.traffic,) if self.traffic is not None else ())
        self.uncertain, self.stale = (*before, traffic), True
        self.untold_since = now if self.untold_since is None else self.untold_since
        if self.data_plane == "running":
            self.data_plane = "stale"
