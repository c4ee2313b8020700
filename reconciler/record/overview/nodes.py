"""The machines, and how the data plane on each of them stands. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.action import Publish
from reconciler.model.desired import Desired
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan
from reconciler.record.overview.lines import NodeLine

STATES = {True: "Ready", False: "NotReady", None: "Unknown"}


def node_lines(
    observed: Observed, desired: Desired | None, plan: Plan | None, ahead: float = 0.0
) -> Iterator[NodeLine]:
    """Without `desired` it isn't known whether there is to be a network: only what is there is told. People's
    clocks are so much `ahead` of the moments in `observed`.
    """
    specs = desired.fleet.spec.nodes if desired else ()
    held_back = frozenset(n.name for n in specs if n.unschedulable)
    networked = desired is not None and desired.fleet.spec.network.enabled
    behind = frozenset(s.action.node for s in plan.steps if isinstance(s.action, Publish)) if plan else None
    for node in observed.nodes.values():
        yield NodeLine(
            name=node.name,
            state=STATES[node.reachable],
            message=node.message,
            docker=node.facts.docker_version,
            architecture=node.facts.architecture + node.facts.variant,
            os_image=node.facts.os_image,
            cpu_milli=node.facts.cpu_milli,
            memory=node.facts.memory,
            pods=len(node.pods),
            unschedulable=node.name in held_back,
            lost_since=None if node.lost_since is None else node.lost_since + ahead,
            data_plane=node.data_plane or ("absent" if networked and node.reachable else ""),
            traffic=_traffic(node, behind),
            complaints=node.complaints,
        )


def _traffic(node: NodeState, behind: frozenset[str] | None) -> str:
    """The plan says who has something to be told; without a plan nobody knows."""
    if behind is None or not node.data_plane or not node.reachable:
        return ""
    if node.name in behind:
        return "behind"
    return "up to date" if node.traffic is not None else ""
