"""A canary's steps as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.decide.delivery.recipe import pause_seconds
from reconciler.decide.delivery.words import step_text
from reconciler.model.delivery import Delivery
from reconciler.model.rollout import CanaryStep, RolloutStrategy
from reconciler.record.deliveries.lines import Mark, StepLine

__all__ = ["step_lines", "step_text"]


def step_lines(strategy: RolloutStrategy, delivery: Delivery | None) -> Iterator[StepLine]:
    """Where there are none, an update has nothing to go through."""
    for index, step in enumerate(strategy.canary.steps if strategy.canary else ()):
        mark = _mark(index, delivery)
        until = pause_end(step, delivery) if delivery is not None and mark == "current" else None
        yield StepLine(text=step_text(step), mark=mark, until=until)


def pause_end(step: CanaryStep, delivery: Delivery) -> float | None:
    """When the pause of the current step is over (epoch seconds); None: somebody ends it, or it is none."""
    length = pause_seconds(step.pause) if step.pause is not None else None
    return None if length is None else delivery.step_since + length


def _mark(index: int, delivery: Delivery | None) -> Mark:
    if delivery is None:
        return "next"
    if delivery.stage in ("first", "finishing", "done") or index < delivery.step:
        return "done"
    if index > delivery.step:
        return "next"
    return "stopped" if delivery.stage == "aborted" else "current"
