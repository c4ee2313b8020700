"""workloadRef: what becomes of the Deployment's own pods when a Rollout takes its template (`scaleDown`)."""

from __future__ import annotations

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.slots import gather
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment


def handed_over(turn: Pass, key: Key, deployment: Deployment) -> Deployment:
    """With none once its Rollout has a stable version: what comes after that is no business of these pods.
    Until then with all (onsuccess), or with one less for each pod of the Rollout that is available
    (progressively).
    """
    rollout = turn.takers.get(key)
    if rollout is None:
        return deployment
    turn.unsteady.add(key)
    spec, state = deployment.spec, turn.rollouts.get(rollout.key)
    ref = rollout.spec.workload_ref
    left = spec.replicas
    if state is not None and state.stable_hash:
        left = 0
    elif ref is not None and ref.scale_down == "progressively":
        slots = gather(turn, rollout.key, 0, float(rollout.spec.min_ready_seconds))
        left = max(0, spec.replicas - sum(slot.available for slot in slots.here))
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
