"""How each node stands: may it be given work, and is what was last seen of it still to be believed?"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network
from math import isfinite
from typing import Literal

import msgspec

from reconciler.decide.schedule.labels import node_labels
from reconciler.model.base import Value
from reconciler.model.duration import seconds
from reconciler.model.fleet import Fleet, NetworkSpec, NodeSpec
from reconciler.model.observed import NodeState, Observed, PodState
from reconciler.model.placement import Taint

NodeStatus = Literal["ready", "silent", "lost", "unknown", "removed"]
"""silent: doesn't answer, its pods count as last seen. lost: silent for too long, NotReady.
unknown: hasn't been asked yet. removed: no longer in the inventory."""

UNREACHABLE = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute")
"""Kubernetes' taint of a lost node. Pods may say for how long they tolerate it."""


class NodeView(Value, dict=True):
    """One node in one pass. `lost_at` (epoch seconds) is when a silent node becomes, or became, lost."""

    name: str
    spec: NodeSpec | None
    state: NodeState
    status: NodeStatus
    lost_at: float = 0.0

    @property
    def labels(self) -> dict[str, str]:
        """The inventory's labels over those that the node has by itself."""
        found: dict[str, str] | None = self.__dict__.get("labels_")
        if found is None:
            found = node_labels(self.spec, self.state) if self.spec else dict(self.state.labels)
            self.__dict__["labels_"] = found
        return found

    def clock(self, now: float) -> float:
        """What this node's clock shows: what Docker says of its containers is told by it."""
        skew = self.state.facts.clock_skew
        return now + skew if isfinite(skew) else now

    @property
    def never_seen(self) -> bool:
        """Nothing of it is known: it may hold pods that nobody has told us of."""
        return self.status != "ready" and not self.state.pod_cidr and not self.state.pods


class Survey(Value):
    """Every node of the inventory and every node that was observed, by name."""

    fleet: Fleet
    views: dict[str, NodeView]
    eviction_after: float

    def same_standing(self, other: Survey) -> bool:
        """No node changed its standing: what had converged still has."""
        return (
            self.views.keys() == other.views.keys()
            and all(v.status == other.views[n].status for n, v in self.views.items())
            and (self.fleet is other.fleet or self.fleet == other.fleet)
        )

    def evict_at(self, pod: PodState) -> float:
        """When a pod on a lost node is given up (epoch seconds); `inf` if it tolerates that for ever."""
        return self.views[pod.node].lost_at + toleration_of(pod, self.eviction_after)


def survey(fleet: Fleet, observed: Observed, now: float) -> Survey:
    lost_after = seconds(fleet.spec.node_lost_after)
    specs = {spec.name: spec for spec in fleet.spec.nodes}
    names = specs.keys() | observed.nodes.keys()
    network = fleet.spec.network
    views = {
        n: _view(n, specs.get(n), observed.nodes.get(n), network, lost_after, now) for n in sorted(names)
    }
    return Survey(fleet=fleet, views=views, eviction_after=seconds(fleet.spec.pod_eviction_after))


def _view(
    name: str,
    spec: NodeSpec | None,
    state: NodeState | None,
    network: NetworkSpec,
    lost_after: float,
    now: float,
) -> NodeView:
    state = state or NodeState(name=name)
    if state.pod_cidr and not is_slice(state.pod_cidr, network):
        state = msgspec.structs.replace(state, pod_cidr="")
    if spec is None:
        return NodeView(name=name, spec=None, state=state, status="removed")
    if state.reachable:
        return NodeView(name=name, spec=spec, state=state, status="ready")
    if state.reachable is None:
        return NodeView(name=name, spec=spec, state=state, status="unknown")
    lost_at = (now if state.lost_since is None else state.lost_since) + lost_after
    return NodeView(
        name=name, spec=spec, state=state, status="silent" if now < lost_at else "lost", lost_at=lost_at
    )


def is_slice(cidr: str, network: NetworkSpec) -> bool:
    """A node of this fleet can have it for its pods."""
    return _is_slice(cidr, network.pod_cidr, network.slice_bits)


@lru_cache(maxsize=8192)
def _is_slice(cidr: str, whole: str, bits: int) -> bool:
    try:
        found = IPv4Network(cidr)
        return found.prefixlen == bits and found.subnet_of(IPv4Network(whole))
    except ValueError:
        return False


def toleration_of(pod: PodState, default: float) -> float:
    """Seconds for which a pod puts up with a lost node (Kubernetes: tolerationSeconds, default 300)."""
    matching = [t for t in pod.record.spec.tolerations if t.tolerates(UNREACHABLE)]
    if not matching:
        return default
    limits = [t.toleration_seconds for t in matching if t.toleration_seconds is not None]
    return float(max(0, min(limits))) if limits else float("inf")
