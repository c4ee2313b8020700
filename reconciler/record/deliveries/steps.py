"""A canary's steps as people read them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model.delivery import Delivery
from reconciler.model.duration import human_duration, seconds
from reconciler.model.rollout import (
    CanaryStep,
    Pause,
    RolloutAnalysis,
    RolloutStrategy,
    SetCanaryScale,
    SetHeaderRoute,
)
from reconciler.record.deliveries.lines import Mark, StepLine


def step_text(step: CanaryStep) -> str:
    """`setWeight 20`, `pause 1m`, `analysis error-rate`."""
    if step.set_weight is not None:
        return f"setWeight {step.set_weight}"
    if step.pause is not None:
        length = pause_seconds(step.pause)
        return "pause until promoted" if length is None else f"pause {human_duration(length)}"
    if step.set_canary_scale is not None:
        return f"setCanaryScale {_scale(step.set_canary_scale)}"
    if step.analysis is not None:
        return f"analysis {templates(step.analysis)}"
    if step.set_header_route is not None:
        return f"setHeaderRoute {_route(step.set_header_route)}"
    if step.replica_progress_threshold is not None:
        found = step.replica_progress_threshold
        amount = f"{found.value} %" if found.type == "Percent" else f"{found.value} pods"
        return f"replicaProgressThreshold {amount}"
    return "nothing"


def step_lines(strategy: RolloutStrategy, delivery: Delivery | None) -> Iterator[StepLine]:
    """Where there are none, an update has nothing to go through."""
    for index, step in enumerate(strategy.canary.steps if strategy.canary else ()):
        mark = _mark(index, delivery)
        until = pause_end(step, delivery) if delivery is not None and mark == "current" else None
        yield StepLine(text=step_text(step), mark=mark, until=until)


def pause_end(step: CanaryStep, delivery: Delivery) -> float | None:
    """When the pause of the current step is over (epoch seconds); None where somebody ends it, or it is none."""
    length = pause_seconds(step.pause) if step.pause is not None else None
    if length is None:
        return None
    return next((h.since for h in delivery.holds if h.reason == "step"), delivery.step_since) + length


def pause_seconds(pause: Pause) -> float | None:
    """None: for ever. Argo Rollouts: text without a unit is seconds, as a number is."""
    if pause.duration is None:
        return None
    if isinstance(pause.duration, int):
        return float(pause.duration)
    text = pause.duration
    return float(text) if text.isdigit() else seconds(text)


def templates(analysis: RolloutAnalysis) -> str:
    return ", ".join(t.template_name for t in analysis.templates)


def _mark(index: int, delivery: Delivery | None) -> Mark:
    if delivery is None:
        return "next"
    if delivery.stage in ("first", "finishing", "done") or index < delivery.step:
        return "done"
    if index > delivery.step:
        return "next"
    return "stopped" if delivery.stage == "aborted" else "current"


def _scale(scale: SetCanaryScale) -> str:
    if scale.replicas is not None:
        return f"{scale.replicas} pods"
    return "as the traffic" if scale.weight is None else f"{scale.weight} %"


def _route(route: SetHeaderRoute) -> str:
    if not route.match:
        return f"{route.name} ends"
    return f"{route.name} ({', '.join(m.header_name for m in route.match)})"
