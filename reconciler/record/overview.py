"""The fleet in one small value: what `reconciler status` prints and `GET /status` answers.

Pure. What is going on and why comes first; details are for `kubectl`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from reconciler import __version__
from reconciler.model.base import Value
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed, PodState
from reconciler.model.plan import Plan, Standing, Verdict, Wait
from reconciler.model.revision import Revision
from reconciler.record.every_pod import every_pod
from reconciler.record.journal import RecordedEvent


class WorkloadLine(Value):
    """One workload. Counts are pods; `desired` is how many it should have, None when that isn't known."""

    kind: str
    namespace: str
    name: str
    standing: Standing | Literal["unknown"]
    message: str
    desired: int | None
    updated: int
    ready: int
    available: int
    total: int


class PodLine(Value):
    """One pod. `status` is the word that `kubectl get pods` shows; times in seconds since the epoch."""

    namespace: str
    name: str
    node: str
    ip: str
    status: str
    message: str
    ready: int
    containers: int
    restarts: int
    created_at: float
    owner: str


class NodeLine(Value):
    """One node. `state` is Ready, NotReady or Unknown (not asked yet); memory in bytes."""

    name: str
    state: str
    message: str
    docker: str
    architecture: str
    os_image: str
    cpu_milli: int
    memory: int
    pods: int
    unschedulable: bool = False
    lost_since: float | None = None


class Overview(Value, omit_defaults=False):
    """`standing` is the fleet's, `why` one sentence. Revision ids are whole; "" where there is none.

    `running` says that a reconciler runs (False: somebody looked at the nodes once). `at` is when the
    nodes were last looked at, in seconds since the epoch.
    """

    fleet: str
    at: float
    running: bool
    version: str
    standing: str
    why: str
    wanted: Revision | None
    converged: str
    refused: str
    refused_because: str
    source_error: str
    workloads: tuple[WorkloadLine, ...]
    pods: tuple[PodLine, ...]
    nodes: tuple[NodeLine, ...]
    actions: tuple[str, ...]
    failing: tuple[str, ...]
    waits: tuple[str, ...]
    notes: tuple[str, ...]
    events: tuple[RecordedEvent, ...]


def overview(
    fleet: str,
    observed: Observed,
    now: float,
    *,
    desired: Desired | None = None,
    plan: Plan | None = None,
    converged: str = "",
    refused: Revision | None = None,
    refused_because: str = "",
    source_error: str = "",
    failing: Sequence[str] = (),
    events: Sequence[RecordedEvent] = (),
    running: bool = True,
) -> Overview:
    """`desired` and `plan` None: no good revision has been seen yet. `events` newest first.

    `converged` is the newest revision that had converged before this pass.
    """
    held_back = (
        frozenset(n.name for n in desired.fleet.spec.nodes if n.unschedulable) if desired else frozenset()
    )
    return Overview(
        fleet=fleet,
        at=now,
        running=running,
        version=__version__,
        standing=plan.standing if plan else "unknown",
        why=_why(plan, desired, refused, source_error, running=running),
        wanted=desired.revision if desired else None,
        converged=_converged(desired, plan, converged),
        refused=refused.id if refused else "",
        refused_because=refused_because,
        source_error=source_error,
        workloads=_judged(plan) if plan else _found(observed),
        pods=tuple(_pod(p) for p in every_pod(observed, plan)),
        nodes=tuple(_node(n, n.name in held_back) for n in observed.nodes.values()),
        actions=tuple(map(str, plan.steps)) if plan else (),
        failing=tuple(failing),
        waits=tuple(map(_wait, plan.waits)) if plan else (),
        notes=plan.notes if plan else (),
        events=tuple(events),
    )


def _converged(desired: Desired | None, plan: Plan | None, before: str) -> str:
    """The newest revision that converged whole; `before` is what was known before this plan."""
    return desired.revision.id if desired and plan and plan.standing == "converged" else before


def _why(
    plan: Plan | None, desired: Desired | None, refused: Revision | None, source_error: str, *, running: bool
) -> str:
    if plan is None or desired is None:
        return _why_unknown(refused, source_error, running=running)
    short = desired.revision.short
    if plan.standing == "converged":
        return f"everything is as {short} wants it" + (", but for the notes" if plan.notes else "")
    behind = [(k, v) for k, v in plan.verdicts.items() if v.standing == plan.standing]
    if not behind:
        return next(iter([*map(str, plan.waits), *plan.notes]), f"on the way to {short}")
    key, verdict = behind[0]
    rest = f" (and {len(behind) - 1} more)" if len(behind) > 1 else ""
    return f"{key}: {verdict.message or _count(verdict)}{rest}"


def _wait(wait: Wait) -> str:
    """With the time of day at which it ends, where that is known: a plan's own text must not change."""
    if wait.until is None:
        return str(wait)
    until = datetime.fromtimestamp(wait.until).strftime("%H:%M:%S")
    return f"wait for {wait.subject} until {until}: {wait.because}"


def _why_unknown(refused: Revision | None, source_error: str, *, running: bool) -> str:
    if not running:
        return "no reconciler runs on this machine; this is what the nodes hold"
    if refused is not None:
        return f"revision {refused.short} is refused, and no earlier good one is known"
    if source_error:
        return "the source can't be read, and no earlier revision is known"
    return "waiting for the first revision"


def _count(verdict: Verdict) -> str:
    return f"{verdict.available} of {verdict.desired} pods available, {verdict.updated} updated"


def _judged(plan: Plan) -> tuple[WorkloadLine, ...]:
    return tuple(_workload(key, verdict) for key, verdict in sorted(plan.verdicts.items()))


def _found(observed: Observed) -> tuple[WorkloadLine, ...]:
    """What the nodes' labels alone tell: who owns pods, not how many there should be."""
    return tuple(
        WorkloadLine(
            kind=key.kind,
            namespace=key.namespace,
            name=key.name,
            standing="unknown",
            message="",
            desired=None,
            updated=0,
            ready=sum(p.ready for p in pods),
            available=0,
            total=len(pods),
        )
        for key, pods in sorted(observed.by_owner.items())
    )


def _workload(key: Key, verdict: Verdict) -> WorkloadLine:
    return WorkloadLine(
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        standing=verdict.standing,
        message=verdict.message,
        desired=verdict.desired,
        updated=verdict.updated,
        ready=verdict.ready,
        available=verdict.available,
        total=verdict.total,
    )


def _pod(pod: PodState) -> PodLine:
    counted = [c for c in pod.containers if c.role in ("main", "sidecar")]
    return PodLine(
        namespace=pod.record.namespace,
        name=pod.record.name,
        node=pod.node,
        ip=pod.record.ip,
        status="Terminating" if pod.terminating else pod.reason or pod.phase,
        message=pod.message,
        ready=sum(c.ready for c in counted),
        containers=len(counted) or len(pod.record.spec.containers) + len(pod.record.spec.sidecars),
        restarts=pod.restarts,
        created_at=pod.created_at,
        owner=f"{pod.record.owner.kind}/{pod.record.owner.name}",
    )


def _node(node: NodeState, unschedulable: bool) -> NodeLine:
    states = {True: "Ready", False: "NotReady", None: "Unknown"}
    return NodeLine(
        name=node.name,
        state=states[node.reachable],
        message=node.message,
        docker=node.facts.docker_version,
        architecture=node.facts.architecture + node.facts.variant,
        os_image=node.facts.os_image,
        cpu_milli=node.facts.cpu_milli,
        memory=node.facts.memory,
        pods=len(node.pods),
        unschedulable=unschedulable,
        lost_since=node.lost_since,
    )
