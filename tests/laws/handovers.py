"""`workloadRef`: what must hold of the pods of a Deployment that a Rollout takes its template from."""

from __future__ import annotations

from reconciler.decide.rollout.budget import budget_of
from reconciler.model.action import StartPod, StopPod
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.rollout import Rollout
from reconciler.model.traffic import RoutedService
from reconciler.model.workload import Deployment
from tests.laws.evictions import evicted
from tests.laws.look import Look

SCALE_DOWNS = ("onsuccess", "progressively", "never")


def check_handover(look: Look, observed: Observed) -> None:
    """They go as the Rollout's come, none sooner; none comes back once the Rollout has a stable version."""
    rollout = look.desired.workloads[look.key]
    ref = rollout.spec.workload_ref if isinstance(rollout, Rollout) else None
    if ref is None:
        return
    key = Key("Deployment", look.key.namespace, ref.name)
    given = look.desired.workloads[key]
    assert isinstance(given, Deployment), "validation has said so"
    left = _left(look, ref.scale_down, given.spec.replicas)
    budget = budget_of(given.spec.strategy, left)
    steps = [s.action for s in look.plan.steps]
    stopped = {a.key for a in steps if isinstance(a, StopPod) and a.owner == key}
    pods = [p for p in observed.by_owner.get(key, ()) if not p.terminating]
    stay = [p for p in pods if not evicted(p, look.views[p.node])]
    up = [p for p in stay if p.ready and look.views[p.node].status in ("ready", "silent")]
    kept = [p for p in up if p.key not in stopped]
    assert len(kept) >= min(len(up), budget.least), f"{left} must stay, {len(kept)} of {len(up)} do\n{look}"
    seen = {p.key for p in pods}
    fresh = [a for a in steps if isinstance(a, StartPod) and a.owner == key and a.key not in seen]
    assert not fresh or left, f"who wants {len(fresh)} pods more of {key}?\n{look}"
    if look.plan.standing == "converged":
        here = [p for p in pods if look.views[p.node].status != "lost"]
        assert len(here) == left, f"{key} has {len(here)} pods instead of {left}\n{look}"


def _left(look: Look, scale_down: str, replicas: int) -> int:
    """How many pods of its own a Deployment wants."""
    if scale_down == "never":
        return replicas
    if look.state.stable_hash:
        return 0
    return max(0, replicas - look.up.total()) if scale_down == "progressively" else replicas


def check_moving(look: Look, service: RoutedService, before: RoutedService | None) -> None:
    """A Service that led to the Deployment's pods leads to somebody as long as one of both is ready."""
    ready = any(e.state == "ready" for p in service.ports for e in p.endpoints)
    led = before is not None and any(e.state == "ready" for p in before.ports for e in p.endpoints)
    if led and not look.state.stable_hash:
        assert ready or not look.others_fit, f"{service.name} leads to nobody\n{look}\n{service}"
