"""workloadRef: what becomes of the Deployment's own pods when a Rollout takes its template (`scaleDown`)."""

from __future__ import annotations

import msgspec

from reconciler.decide.current import Pass
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment


def handed_over(turn: Pass, key: Key, deployment: Deployment) -> Deployment:
    """With fewer replicas as its Rollout has more: none once that has been promoted (onsuccess), or one less
    for each that is available (progressively).
    """
    rollout = turn.takers.get(key)
    if rollout is None:
        return deployment
    turn.unsteady.add(key)
    spec, state = deployment.spec, turn.rollouts.get(rollout.key)
    way = state.delivery if state is not None else None
    ref = rollout.spec.workload_ref
    left = spec.replicas
    if ref is not None and ref.scale_down == "onsuccess" and way is not None and way.stage == "done":
        left = 0
    if ref is not None and ref.scale_down == "progressively":
        pods = turn.observed.by_owner.get(rollout.key, ())
        left = max(0, spec.replicas - sum(p.ready and not p.terminating for p in pods))
    if left == spec.replicas:
        return deployment
    return msgspec.structs.replace(deployment, spec=msgspec.structs.replace(spec, replicas=left))


def takers(desired: Desired) -> dict[Key, Rollout]:
    """The Rollouts that Deployments are scaled down for, by Deployment. They are looked at before these: what
    they come to in a pass counts in it.
    """
    found: dict[Key, Rollout] = {}
    for key, workload in desired.workloads.items():
        if key.kind != "Rollout":
            continue
        ref = workload.spec.workload_ref if isinstance(workload, Rollout) else None
        if isinstance(workload, Rollout) and ref is not None and ref.scale_down != "never":
            found[Key("Deployment", key.namespace, ref.name)] = workload
    return found
