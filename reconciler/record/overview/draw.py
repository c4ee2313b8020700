"""Puts an overview together: what `reconciler status` shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler import __version__
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import Observed, PodState
from reconciler.model.plan import Plan, Verdict, Wait
from reconciler.model.revision import Revision
from reconciler.record.every_pod import every_pod
from reconciler.record.journal import RecordedEvent
from reconciler.record.metadata import time_of_day
from reconciler.record.overview.delivered import delivery_words
from reconciler.record.overview.ingresses import ingress_lines
from reconciler.record.overview.lines import Overview, PodLine, WorkloadLine
from reconciler.record.overview.nodes import node_lines
from reconciler.record.overview.services import service_lines
from reconciler.record.overview.why import why
from reconciler.record.published import published


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
    trouble: str = "",
    running: bool = True,
    ahead: float = 0.0,
) -> Overview:
    """`desired` and `plan` None: no good revision has been seen yet. `events` newest first.

    `converged` is the newest revision that had converged before this pass. `trouble` is the reconciler's own.
    People's clocks are so much `ahead` of the moments in `observed` and `plan`.
    """
    network = published(observed)
    return Overview(
        fleet=fleet,
        at=now,
        running=running,
        version=__version__,
        standing=plan.standing if plan else "unknown",
        why=why(plan, desired, refused, source_error, running=running),
        wanted=desired.revision if desired else None,
        converged=_converged(desired, plan, converged),
        refused=refused.id if refused else "",
        refused_because=refused_because,
        source_error=source_error,
        workloads=_judged(plan, desired) if plan else _found(observed),
        pods=tuple(_pod(p) for p in every_pod(observed, plan)),
        nodes=tuple(node_lines(observed, desired, plan, ahead)),
        services=tuple(service_lines(desired, observed, network)),
        ingresses=tuple(ingress_lines(desired, network)),
        actions=tuple(map(str, plan.steps)) if plan else (),
        failing=tuple(failing),
        waits=tuple(_wait(wait, ahead) for wait in plan.waits) if plan else (),
        notes=(*(plan.notes if plan else ()), *((trouble,) if trouble else ())),
        events=tuple(events),
    )


def _converged(desired: Desired | None, plan: Plan | None, before: str) -> str:
    """The newest revision that converged whole; `before` is what was known before this plan."""
    return desired.revision.id if desired and plan and plan.standing == "converged" else before


def _wait(wait: Wait, ahead: float) -> str:
    """With the time of day at which it ends, where that is known: a plan's own text must not change."""
    until = time_of_day(wait.until + ahead) if wait.until is not None else ""
    return f"wait for {wait.subject} until {until}: {wait.because}" if until else str(wait)


def _judged(plan: Plan, desired: Desired | None) -> tuple[WorkloadLine, ...]:
    lines = []
    for key, verdict in sorted(plan.verdicts.items()):
        where, why = delivery_words(desired, plan, key) if desired is not None else ("", "")
        lines.append(_workload(key, verdict, where, why))
    return tuple(lines)


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


def _workload(key: Key, verdict: Verdict, delivery: str, why: str) -> WorkloadLine:
    return WorkloadLine(
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        standing=verdict.standing,
        message=why or verdict.message,
        desired=verdict.desired,
        updated=verdict.updated,
        ready=verdict.ready,
        available=verdict.available,
        total=verdict.total,
        delivery=delivery,
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
