"""What a pass found, as Kubernetes-shaped objects: what `kubectl get` is to show.

Pure: nothing but its arguments, and the same arguments give the same objects. ConfigMaps and Secrets
aren't among them. An object that is unchanged since the last call is the same Python object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from reconciler.model.desired import Desired
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed, PodState
from reconciler.model.plan import Plan, Verdict
from reconciler.model.pod import Pod
from reconciler.model.progress import Progress
from reconciler.model.workload import Deployment
from reconciler.record.metadata import Shown, metadata, timestamp
from reconciler.record.node_status import node_object
from reconciler.record.pod_status import controller, pod_object
from reconciler.record.workload_status import deployment_object, replica_sets, set_object


def objects(
    desired: Desired | None, observed: Observed, progress: Progress, plan: Plan | None, now: float
) -> tuple[Shown, ...]:
    """Namespaces, nodes, workloads, generated ReplicaSets and pods; `now` in seconds since the epoch."""
    return Portrait().of(desired, observed, progress, plan, now)


class Portrait:
    """The same, remembering what it showed before: when a pod's end began, and pods that haven't changed."""

    def __init__(self) -> None:
        self._pods: dict[Key, tuple[PodState, Shown]] = {}
        self._ending: dict[Key, float] = {}

    def of(
        self, desired: Desired | None, observed: Observed, progress: Progress, plan: Plan | None, now: float
    ) -> tuple[Shown, ...]:
        if desired is None:
            return ()
        return (
            *_namespaces(desired),
            *_nodes(desired, observed),
            *_workloads(desired, observed, progress, plan, now),
            *self._all_pods(desired, observed, progress, plan, now),
        )

    def _all_pods(
        self, desired: Desired, observed: Observed, progress: Progress, plan: Plan | None, now: float
    ) -> list[Shown]:
        seen = dict(_pods(desired, observed, progress, plan))
        ending = {k: self._ending.get(k, now) for k, p in seen.items() if p.terminating}
        shown: dict[Key, tuple[PodState, Shown]] = {}
        for key in sorted(seen):
            before = self._pods.get(key)
            if before is not None and before[0] is seen[key]:
                shown[key] = before
            else:
                picture = pod_object(desired.fleet.metadata.name, seen[key], controller(seen[key].record))
                if key in ending:
                    picture["metadata"]["deletionTimestamp"] = timestamp(ending[key])
                shown[key] = seen[key], picture
        self._pods, self._ending = shown, ending
        return [picture for _, picture in shown.values()]


def _namespaces(desired: Desired) -> Iterator[Shown]:
    for name in sorted({*desired.namespaces, "default"}):
        meta = metadata(desired.fleet.metadata.name, Key("Namespace", "", name), created_at=None)
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": meta,
            "spec": {},
            "status": {"phase": "Active"},
        }


def _nodes(desired: Desired, observed: Observed) -> Iterator[Shown]:
    for spec in sorted(desired.fleet.spec.nodes, key=lambda n: n.name):
        state = observed.nodes.get(spec.name) or NodeState(name=spec.name)
        yield node_object(desired.fleet.metadata.name, spec, state)


def _workloads(
    desired: Desired, observed: Observed, progress: Progress, plan: Plan | None, now: float
) -> Iterator[Shown]:
    for key, wanted in desired.workloads.items():
        pods = observed.by_owner.get(key, ())
        verdict = (plan.verdicts.get(key) if plan else None) or Verdict(standing="progressing")
        yield from _workload(desired, key, wanted, pods, verdict, progress, now)


def _workload(
    desired: Desired,
    key: Key,
    wanted: Workload,
    pods: tuple[PodState, ...],
    verdict: Verdict,
    progress: Progress,
    now: float,
) -> Iterable[Shown]:
    fleet, rollout = desired.fleet.metadata.name, progress.rollouts.get(key)
    if isinstance(wanted, Pod):
        return ()
    if isinstance(wanted, Deployment):
        whole = deployment_object(fleet, wanted, pods, verdict, rollout, now)
        return (whole, *replica_sets(fleet, wanted, pods, desired.hashes[key], rollout, now))
    return (set_object(fleet, wanted, pods, rollout, now),)


def _pods(
    desired: Desired, observed: Observed, progress: Progress, plan: Plan | None
) -> Iterator[tuple[Key, PodState]]:
    """Later ones win: what was tried in vain, then what is seen; of doubles the one that goes on living."""
    for key, attempt in progress.attempts.items():
        yield (
            key,
            PodState(
                record=attempt.record,
                reason=attempt.reason,
                message=attempt.message,
                created_at=attempt.first_at,
            ),
        )
    found = [(p, observed.nodes[p.node].reachable) for p in observed.pods()]
    for pod, reachable in sorted(found, key=lambda f: (not f[0].terminating, bool(f[1]))):
        yield pod.key, pod if reachable else _of_silent_node(pod)


def _of_silent_node(pod: PodState) -> PodState:
    """Kubernetes: a pod on a node that doesn't answer keeps its phase, and isn't Ready."""
    return msgspec.structs.replace(pod, ready=False, ready_since=None)
