"""Puts the picture of a delivery together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.decide.attempts import pending_pods
from reconciler.decide.delivery.bluegreen import promoted_at
from reconciler.model.delivery import Delivery
from reconciler.model.desired import Desired
from reconciler.model.duration import seconds
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.observed import Observed, PodState
from reconciler.model.plan import Plan, Verdict
from reconciler.model.pod import Pod
from reconciler.model.progress import Progress
from reconciler.model.rollout import RolloutStrategy
from reconciler.record.deliveries.find import strategy_of
from reconciler.record.deliveries.lines import DeliveryStatus, StepLine
from reconciler.record.deliveries.phase import phase_of
from reconciler.record.deliveries.runs import run_lines
from reconciler.record.deliveries.sets import max_weight, set_lines
from reconciler.record.deliveries.stages import stage_lines
from reconciler.record.deliveries.steps import step_lines


def deliveries(
    desired: Desired,
    observed: Observed,
    progress: Progress,
    plan: Plan | None,
    now: float,
    keys: Iterable[Key],
) -> tuple[DeliveryStatus, ...]:
    """Of those objects that are delivered step by step. `now`, when the nodes were looked at, in seconds
    since the epoch.
    """
    found = (delivery_status(desired, observed, progress, plan, now, key) for key in keys)
    return tuple(one for one in found if one is not None)


def delivery_status(
    desired: Desired, observed: Observed, progress: Progress, plan: Plan | None, now: float, key: Key
) -> DeliveryStatus | None:
    """None for what isn't delivered step by step. Without a plan the pods alone are counted."""
    strategy = strategy_of(desired, key)
    if strategy is None:
        return None
    state = progress.rollouts.get(key)
    delivery = state.delivery if state else None
    pods = tuple(_pods(observed, progress, key))
    verdict = plan.verdicts.get(key) if plan else None
    counts = verdict or _counted(desired.workloads[key], desired.hashes.get(key, ""), pods)
    phase, message = phase_of(state, verdict)
    runs = run_lines(progress, key, state)
    if (green := strategy.blue_green) is not None:
        steps = tuple(stage_lines(green, counts.desired, state, runs))
    else:
        steps = tuple(step_lines(strategy, delivery))
    return DeliveryStatus(
        kind=key.kind,
        namespace=key.namespace,
        name=key.name,
        at=now,
        strategy="blueGreen" if strategy.blue_green is not None else "canary",
        phase=phase,
        message=message,
        stage=delivery.stage if delivery else None,
        number=state.number if state else 0,
        template_hash=state.template_hash if state else desired.hashes.get(key, ""),
        stable_hash=state.stable_hash if state else "",
        desired=counts.desired,
        updated=counts.updated,
        ready=counts.ready,
        available=counts.available,
        step=delivery.step if delivery else 0,
        steps=steps,
        weight=delivery.weight if delivery and strategy.canary is not None else None,
        max_weight=max_weight(strategy),
        until=_until(strategy, delivery, steps),
        holds=delivery.holds if delivery else (),
        sets=set_lines(strategy, state, pods, _lost(desired, observed, now)),
        runs=runs,
        decisions=delivery.decisions if delivery else (),
    )


def _pods(observed: Observed, progress: Progress, owner: Key) -> Iterator[PodState]:
    """What the nodes hold, and what was tried in vain and is on none."""
    seen = observed.by_owner.get(owner, ())
    yield from seen
    names = {p.key for p in seen}
    yield from (p for p in pending_pods(progress) if p.record.owner == owner and p.key not in names)


def _lost(desired: Desired, observed: Observed, now: float) -> frozenset[str]:
    """Nodes that have been silent for so long that their pods count as gone."""
    after = seconds(desired.fleet.spec.node_lost_after)
    return frozenset(
        n.name for n in observed.nodes.values() if n.lost_since is not None and now >= n.lost_since + after
    )


def _counted(wanted: Workload, newest: str, pods: Sequence[PodState]) -> Verdict:
    living = [p for p in pods if not p.terminating]
    ready = sum(p.ready for p in living)
    return Verdict(
        standing="progressing",
        desired=1 if isinstance(wanted, Pod) else wanted.spec.replicas,
        updated=sum(p.record.template_hash == newest for p in living),
        ready=ready,
        available=ready,
        total=len(living),
    )


def _until(strategy: RolloutStrategy, delivery: Delivery | None, steps: tuple[StepLine, ...]) -> float | None:
    """The end of a pause, or when a preview is promoted by itself."""
    if delivery is None or any(h.reason != "step" for h in delivery.holds):
        return None
    blue = strategy.blue_green
    if blue is not None:
        return promoted_at(blue, delivery) if delivery.stage == "preview" else None
    return next((s.until for s in steps if s.mark == "current"), None)
