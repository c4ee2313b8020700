"""What a pass found, as Kubernetes-shaped objects: what `kubectl get` is to show.

Pure: nothing but its arguments, and the same arguments give the same objects. ConfigMaps and Secrets
aren't among them. An object that is unchanged since the last call is the same Python object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from reconciler.decide.attempts import pending_pods
from reconciler.decide.delivery.ephemeral import ephemeral
from reconciler.model.base import Value
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed, PodState
from reconciler.model.plan import Plan, Verdict
from reconciler.model.pod import Pod
from reconciler.model.progress import Progress, RolloutState
from reconciler.model.rollout import EphemeralMetadata, Rollout
from reconciler.model.workload import Deployment
from reconciler.record.analysis_status import analysis_run_object
from reconciler.record.deliveries.runs import runs_of
from reconciler.record.metadata import Shown, metadata, timestamp
from reconciler.record.network_portrait import NetworkPortrait
from reconciler.record.node_status import node_object
from reconciler.record.pod_status import NOTHING, controller, pod_object
from reconciler.record.rollout_status import rollout_object
from reconciler.record.workload_status import deployment_object, replica_sets, set_object


def objects(
    desired: Desired | None, observed: Observed, progress: Progress, plan: Plan | None, now: float
) -> tuple[Shown, ...]:
    """Namespaces, nodes, workloads, generated ReplicaSets, AnalysisRuns, pods, services with their endpoints,
    Ingresses.

    `now` in seconds since the epoch.
    """
    return Portrait().of(desired, observed, progress, plan, now)


class Sight(Value):
    """All that a workload's objects show. That time makes pods available shows in the verdict's counts."""

    wanted: Workload
    template_hash: str
    pods: tuple[PodState, ...]
    verdict: Verdict
    rollout: RolloutState | None
    runs: dict[Key, RunState] = {}

    def is_like(self, other: Sight) -> bool:
        """Pods by identity: observed states share what didn't change."""
        return (
            self.pods is other.pods
            and self.template_hash == other.template_hash
            and self.verdict == other.verdict
            and self.rollout == other.rollout
            and self.runs == other.runs
            and (self.wanted is other.wanted or self.wanted == other.wanted)
        )


class Portrait:
    """The same, remembering what it showed before: what hasn't changed isn't drawn again, and a pod's end has
    a beginning."""

    def __init__(self) -> None:
        self._workloads: dict[Key, tuple[Sight, tuple[Shown, ...]]] = {}
        self._pods: dict[Key, tuple[PodState, EphemeralMetadata, Shown]] = {}
        self._ending: dict[Key, float] = {}
        self._runs: dict[Key, tuple[RunState, Shown]] = {}
        self._network = NetworkPortrait()

    def of(
        self, desired: Desired | None, observed: Observed, progress: Progress, plan: Plan | None, now: float
    ) -> tuple[Shown, ...]:
        if desired is None:
            return ()
        return (
            *_namespaces(desired),
            *_nodes(desired, observed),
            *self._all_workloads(desired, observed, progress, plan, now),
            *self._all_runs(desired, progress),
            *self._all_pods(desired, observed, progress, now),
            *self._network.of(desired, observed),
        )

    def _all_workloads(
        self, desired: Desired, observed: Observed, progress: Progress, plan: Plan | None, now: float
    ) -> Iterator[Shown]:
        shown: dict[Key, tuple[Sight, tuple[Shown, ...]]] = {}
        for key, wanted in desired.workloads.items():
            sight = Sight(
                wanted=wanted,
                template_hash=desired.hashes[key],
                pods=observed.by_owner.get(key, ()),
                verdict=(plan.verdicts.get(key) if plan else None) or Verdict(standing="progressing"),
                rollout=progress.rollouts.get(key),
                runs=runs_of(progress, key) if isinstance(wanted, Rollout) else {},
            )
            before = self._workloads.get(key)
            if before is not None and before[0].is_like(sight):
                shown[key] = before
            else:
                shown[key] = sight, tuple(_workload(desired.fleet.metadata.name, sight, now))
            yield from shown[key][1]
        self._workloads = shown

    def _all_runs(self, desired: Desired, progress: Progress) -> list[Shown]:
        fleet = desired.fleet.metadata.name
        shown: dict[Key, tuple[RunState, Shown]] = {}
        for key, run in progress.runs.items():
            before = self._runs.get(key)
            if before is not None and before[0] is run:
                shown[key] = before
            else:
                given = desired.runs.get(key)
                picture = analysis_run_object(fleet, key, run, given.metadata if given else None)
                shown[key] = run, picture
        self._runs = shown
        return [picture for _, picture in shown.values()]

    def _all_pods(self, desired: Desired, observed: Observed, progress: Progress, now: float) -> list[Shown]:
        seen = dict(_pods(observed, progress))
        ending = {k: self._ending.get(k, now) for k, p in seen.items() if p.terminating}
        given = ephemeral(desired, progress.rollouts)
        shown: dict[Key, tuple[PodState, EphemeralMetadata, Shown]] = {}
        for key in sorted(seen):
            before, record = self._pods.get(key), seen[key].record
            more = given.get((record.owner, record.template_hash), NOTHING)
            if before is not None and before[0] is seen[key] and before[1] == more:
                shown[key] = before
            else:
                picture = pod_object(desired.fleet.metadata.name, seen[key], controller(record), more)
                if key in ending:
                    picture["metadata"]["deletionTimestamp"] = timestamp(ending[key])
                shown[key] = seen[key], more, picture
        self._pods, self._ending = shown, ending
        return [picture for _, _, picture in shown.values()]


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


def _workload(fleet: str, sight: Sight, now: float) -> Iterable[Shown]:
    wanted, pods, rollout = sight.wanted, sight.pods, sight.rollout
    if isinstance(wanted, Pod):
        return ()
    if isinstance(wanted, Deployment):
        whole = deployment_object(fleet, wanted, pods, sight.verdict, rollout, now)
        return (whole, *replica_sets(fleet, wanted, pods, sight.template_hash, rollout, now))
    if isinstance(wanted, Rollout):
        own = rollout_object(fleet, wanted, pods, sight.verdict, rollout, sight.runs)
        return (own, *replica_sets(fleet, wanted, pods, sight.template_hash, rollout, now))
    return (set_object(fleet, wanted, pods, rollout, now),)


def _pods(observed: Observed, progress: Progress) -> Iterator[tuple[Key, PodState]]:
    """Later ones win: what was tried in vain, then what is seen; of doubles the one that goes on living."""
    for tried in pending_pods(progress):
        yield tried.key, tried
    found = [(p, observed.nodes[p.node].reachable) for p in observed.pods()]
    for pod, reachable in sorted(found, key=lambda f: (not f[0].terminating, bool(f[1]))):
        yield pod.key, pod if reachable else _of_silent_node(pod)


def _of_silent_node(pod: PodState) -> PodState:
    """Kubernetes: a pod on a node that doesn't answer keeps its phase, and isn't Ready."""
    return msgspec.structs.replace(pod, ready=False, ready_since=None)
