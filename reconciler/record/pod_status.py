"""A pod as `kubectl get pod -o yaml` shows it (core/v1 Pod)."""

from __future__ import annotations

from decimal import Decimal

from reconciler.decide.version import HASH_LABELS
from reconciler.model.labels import REVISION
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, PodRecord, PodState
from reconciler.model.quantity import Quantity, parse_quantity
from reconciler.model.rollout import EphemeralMetadata
from reconciler.record.container_status import container_status
from reconciler.record.metadata import Shown, condition, metadata, timestamp, without_empty
from reconciler.record.shape import shape

NOTHING = EphemeralMetadata()


def pod_object(fleet: str, pod: PodState, owner: Key | None, more: EphemeralMetadata = NOTHING) -> Shown:
    """`owner` is what kubectl is to see as its controller; None for a pod of its own. `more` is what it has
    besides its own labels and annotations.
    """
    record = pod.record
    spec = {**shape(record.spec), "nodeName": record.node}
    meta = metadata(
        fleet,
        record.key,
        created_at=pod.created_at,
        labels={**record.labels, **more.labels},
        annotations={**record.annotations, **more.annotations, REVISION: record.revision},
        owner=owner,
    )
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec, "status": _status(pod)}


def controller(record: PodRecord) -> Key | None:
    """A Deployment's or Rollout's pods belong to its generated ReplicaSet; a lone pod to nobody."""
    owner = record.owner
    if owner.kind in HASH_LABELS:
        return replica_set_key(owner, record.labels.get(HASH_LABELS[owner.kind], record.template_hash))
    return None if owner.kind == "Pod" else owner


def replica_set_key(owner: Key, template_hash: str) -> Key:
    return Key("ReplicaSet", owner.namespace, f"{owner.name}-{template_hash}")


def _status(pod: PodState) -> Shown:
    states = {c.name: c for c in pod.containers}
    spec, ip = pod.record.spec, pod.record.ip
    inits = [container_status(_of(states, c.name), pod) for c in spec.init_containers]
    mains = [container_status(_of(states, c.name), pod) for c in spec.containers]
    return {
        "phase": pod.phase,
        "conditions": _conditions(pod),
        **without_empty(
            {
                "reason": pod.reason if pod.reason in ("NodeLost", "Evicted", "DeadlineExceeded") else "",
                "message": pod.message,
                "podIP": ip,
                "podIPs": [{"ip": ip}] if ip else [],
                "startTime": timestamp(pod.created_at),
                "initContainerStatuses": inits,
                "containerStatuses": mains,
                "qosClass": qos_class(pod.record),
            }
        ),
    }


def _of(states: dict[str, ContainerState], name: str) -> ContainerState:
    return states.get(name) or ContainerState(name=name, role="main", state="absent")


def _conditions(pod: PodState) -> list[Shown]:
    made = pod.created_at or None
    initialized = all(_is_past(c) for c in pod.containers if c.role in ("init", "sidecar"))
    waiting = [c.name for c in pod.containers if c.role in ("main", "sidecar") and not c.ready]
    why = "" if pod.ready else f"containers with unready status: [{' '.join(waiting)}]"
    reason = "" if pod.ready else "ContainersNotReady"
    since = pod.ready_since if pod.ready else made
    return [
        condition("PodScheduled", bool(pod.node), made, "", ""),
        condition("Initialized", initialized, made, "" if initialized else "ContainersNotInitialized", ""),
        condition("ContainersReady", pod.ready, since, reason, why),
        condition("Ready", pod.ready, since, reason, why),
    ]


def _is_past(container: ContainerState) -> bool:
    if container.role == "sidecar":
        return container.started
    return container.state == "exited" and container.exit_code == 0


def qos_class(record: PodRecord) -> str:
    """Kubernetes: Guaranteed when every container's CPU and memory limits equal its requests,
    BestEffort when there are none at all, else Burstable (pkg/apis/core/v1/helper/qos)."""
    pairs = [
        (_compute(c.resources.requests), _compute(c.resources.limits)) for c in record.spec.every_container()
    ]
    if not any(requests or limits for requests, limits in pairs):
        return "BestEffort"
    # A request that is left out is its limit.
    full = all(len(limits) == 2 and {**limits, **requests} == limits for requests, limits in pairs)
    return "Guaranteed" if full else "Burstable"


def _compute(amounts: dict[str, Quantity]) -> dict[str, Decimal]:
    """CPU and memory, as far as they are more than nothing: only these two count."""
    found = {name: parse_quantity(amounts[name]) for name in ("cpu", "memory") if name in amounts}
    return {name: amount for name, amount in found.items() if amount > 0}
