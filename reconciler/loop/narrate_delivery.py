"""What happened to deliveries in one pass, in words: orders, steps, switches, promotions, aborts.

Without memory: a pass says what it began with and what it came to, so each change is told once, also over a
restart. Reasons are Argo Rollouts' (utils/conditions) where it has one.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.loop.narrate_analysis import tell_runs
from reconciler.loop.turn import Turn
from reconciler.model.base import Value
from reconciler.model.delivery import Delivery, Order
from reconciler.model.event import Event
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import RolloutStrategy
from reconciler.record.deliveries.find import strategy_of
from reconciler.record.deliveries.phase import hold_words
from reconciler.record.deliveries.sets import canary_of, max_weight
from reconciler.record.deliveries.steps import step_text

ORDER_REASON = {
    "pause": "RolloutPaused",
    "resume": "RolloutResumed",
    "promote": "RolloutPromoted",
    "promote-full": "RolloutPromoted",
    "abort": "RolloutAborted",
    "retry": "RolloutRetried",
    "undo": "RolloutUndone",
}


class Change(Value):
    """One thing that happened. `told`: as a line, too; else the verdict's line says it."""

    reason: str
    message: str
    warning: bool = False
    told: bool = True


def order_event(order: Order, words: str, at: float, revision: str = "") -> Event:
    """What somebody told it to do, for the journal."""
    return Event(
        at=at,
        type="Normal",
        reason=ORDER_REASON[order.verb],
        message=f"{order.who} said {order.verb}: {words}",
        about=order.about,
        revision=revision,
    )


def tell_deliveries(turn: Turn) -> Iterator[tuple[str, Event]]:
    """Lines for the terminal, each with its event. A line is empty where the verdict's own says it."""
    plan, desired = turn.plan, turn.desired
    if plan is None or desired is None:
        return
    for one in turn.orders:
        event = order_event(one.order, one.words, turn.at, plan.revision)
        yield f"{event.about}: {event.message}", event
    for key, after in plan.progress.rollouts.items():
        before = turn.before.rollouts.get(key)
        if after is before or after.delivery is None:
            continue
        told = plan.verdicts.get(key)
        strategy = strategy_of(desired, key) or RolloutStrategy()
        for change in changes(before, after, strategy, told.message if told else ""):
            event = turn.event(
                key, change.reason, change.message, warning=change.warning, revision=plan.revision
            )
            yield (f"{key}: {change.message}" if change.told else ""), event
    yield from tell_runs(turn, plan)


def changes(
    before: RolloutState | None, after: RolloutState, strategy: RolloutStrategy, standing: str = ""
) -> Iterator[Change]:
    """From one pass to the next, in the order in which they make sense. `standing` is the verdict's words."""
    then, now = before.delivery if before else None, after.delivery
    assert now is not None, "only what is delivered is told of"
    if before is None or before.number != after.number:
        yield from _next(before, after)
        then = None
    else:
        yield from _steps(then, now, strategy)
    yield from _traffic(then, now, after, strategy)
    yield from _ends(then, now, after)
    held = {h.reason for h in then.holds} if then else set()
    for hold in now.holds:
        if hold.reason not in held and hold.reason != "order":
            yield Change(reason="RolloutPaused", message=standing or hold_words(hold), told=False)


def version(state: RolloutState) -> str:
    """`version 3 (7f9c2d41aa)`."""
    return f"version {state.number} ({state.template_hash})"


def _next(before: RolloutState | None, after: RolloutState) -> Iterator[Change]:
    if before is not None and before.delivery is not None and before.delivery.stage not in _ENDS:
        words = f"{version(before)} gave way to version {after.number}, before its end"
        yield Change(reason="RolloutSuperseded", message=words)
    yield Change(reason="RolloutUpdated", message=f"{version(after)} is to be delivered")


_ENDS = frozenset({"done", "aborted"})


def _steps(then: Delivery | None, now: Delivery, strategy: RolloutStrategy) -> Iterator[Change]:
    steps = strategy.canary.steps if strategy.canary else ()
    if then is None or not steps or then.stage != "stepping" or now.stage == "aborted":
        return
    end = now.step if now.stage == "stepping" else len(steps)
    begun = then.step
    if _begins_anew(then, now):
        begun, words = 0, "its steps have changed: it begins at the first of them"
        yield Change(reason="RolloutUpdated", message=words)
    passed = range(begun, min(end, len(steps)))
    if now.full and not then.full and passed:
        yield Change(reason="RolloutStepCompleted", message=f"the steps from {then.step + 1} on are skipped")
        return
    for index in passed:
        words = f"step {index + 1}/{len(steps)} completed ({step_text(steps[index])})"
        yield Change(reason="RolloutStepCompleted", message=words)


def _begins_anew(then: Delivery, now: Delivery) -> bool:
    others = bool(then.steps_hash) and now.steps_hash not in ("", then.steps_hash)
    return others and not now.full and not now.held_by("forgotten")


def _traffic(
    then: Delivery | None, now: Delivery, state: RolloutState, strategy: RolloutStrategy
) -> Iterator[Change]:
    before = then.weight if then else None
    left = now.stage == "aborted" and before is None  # its pods had their share until now, and are leaving
    if now.weight is not None and now.weight != (before or 0) and not left:
        words = f"{now.weight} of {max_weight(strategy)} go to {_named(state, canary_of(state))}"
        yield Change(reason="TrafficWeightUpdated", message=f"requests: {words}")
    blue = strategy.blue_green
    if blue is not None and then is not None and now.active_hash not in ("", then.active_hash):
        named = _named(state, now.active_hash)
        yield Change(reason="SwitchService", message=f"service {blue.active_service} leads to {named}")


def _named(state: RolloutState, template_hash: str) -> str:
    number = next((v.number for v in state.history if v.template_hash == template_hash), 0)
    return f"version {number} ({template_hash})" if number else template_hash


def _ends(then: Delivery | None, now: Delivery, state: RolloutState) -> Iterator[Change]:
    before = then.stage if then else ""
    if now.stage == before:
        return
    if now.stage == "aborted":
        by_somebody = state.message.startswith(("aborted ", "undone "))
        why = state.message if by_somebody else f"aborted: {state.message}" if state.message else "aborted"
        words = f"{version(state)} is {why}"
        yield Change(reason="RolloutAborted", message=words, warning=True, told=False)
    elif now.stage == "done":
        yield Change(reason="RolloutCompleted", message=f"{version(state)} is the stable one now")
