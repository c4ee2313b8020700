"""Every pod that people should see: on nodes, last seen there, or in vain asked to start. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reconciler.decide.attempts import pending_pods
from reconciler.model.observed import Observed, PodState
from reconciler.model.plan import Plan


def every_pod(observed: Observed, plan: Plan | None) -> list[PodState]:
    """By name and node. What was last seen of a silent node is told as such; as in Kubernetes not ready."""
    dark = {n.name for n in observed.nodes.values() if n.reachable is False}
    pods = sorted(_pods(observed, plan), key=lambda p: (*p.key, p.node))
    return [_last_seen(p) if p.node in dark else p for p in pods]


def _last_seen(pod: PodState) -> PodState:
    unready = tuple(msgspec.structs.replace(c, ready=False) for c in pod.containers)
    said = f"as last seen: {pod.node} doesn't answer"
    return msgspec.structs.replace(pod, containers=unready, message=said)


def _pods(observed: Observed, plan: Plan | None) -> Iterator[PodState]:
    """What the nodes hold, and what was tried in vain: a pod whose image can't be pulled is on no node."""
    tried = {(p.key, p.node): p for p in pending_pods(plan.progress)} if plan else {}
    for pod in observed.pods():
        attempt = tried.pop((pod.key, pod.node), None)
        half_made = attempt is not None and pod.phase == "Pending" and not pod.busy
        yield attempt if attempt is not None and half_made else pod
    yield from tried.values()
