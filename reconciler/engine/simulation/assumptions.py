"""What a look ahead takes for granted: measurements come out well, and who is asked promotes."""

from __future__ import annotations

from reconciler.decide.analysis import assumed
from reconciler.decide.delivery.orders import ordered
from reconciler.decide.delivery.way import UNDER_WAY
from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Plan
from reconciler.model.progress import Progress, RolloutState

SOMEBODY = "somebody"


def measured_well(progress: Progress, plan: Plan, now: float) -> Progress:
    """Every measurement that is asked for is good. What is measured without an end changes nothing."""
    for measure in plan.measures:
        if not _endless(measure):
            progress = assumed(progress, measure, now)
    return progress


def _endless(measure: Measure) -> bool:
    metric = measure.metric
    bounded = metric.count not in (None, 0, "0", "") or metric.consecutive_success_limit not in (0, "0")
    return bool(metric.interval) and not bounded


def promoted(progress: Progress, desired: Desired, now: float) -> tuple[Progress, tuple[Key, ...]]:
    """Everything that waits to be promoted is, and what that was."""
    found: list[Key] = []
    for key, state in sorted(progress.rollouts.items()):
        if key in desired.workloads and _waits(state):
            order = Order(about=key, verb="promote", who=SOMEBODY, at=now)
            progress, _ = ordered(progress, order, desired)
            found.append(key)
    return progress, tuple(found)


def _waits(state: RolloutState) -> bool:
    """For somebody to promote it. What was paused or forgotten isn't taken for granted."""
    way = state.delivery
    reasons = {hold.reason for hold in way.holds} if way is not None else set()
    return way is not None and way.stage in UNDER_WAY and reasons == {"step"}
