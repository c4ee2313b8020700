"""A canary's steps as people read them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from reconciler.model.delivery import Delivery
from reconciler.model.duration import human_duration, seconds
from reconciler.model.rollout import (
    CanaryStep,
    Pause,
    ReplicaProgressThreshold,
    RolloutAnalysis,
    RolloutStrategy,
    SetCanaryScale,
    SetHeaderRoute,
)
from reconciler.record.deliveries.lines import Mark, StepLine


def step_text(step: CanaryStep) -> str:
    """`setWeight 20`, `pause 1m`, `analysis error-rate`."""
    texts: tuple[tuple[str, Any, Callable[[Any], str]], ...] = (
        ("setWeight", step.set_weight, str),
        ("pause", step.pause, _pause),
        ("setCanaryScale", step.set_canary_scale, _scale),
        ("analysis", step.analysis, templates),
        ("setHeaderRoute", step.set_header_route, _route),
        ("replicaProgressThreshold", step.replica_progress_threshold, _threshold),
    )
    return next((f"{name} {text(value)}" for name, value, text in texts if value is not None), "nothing")


def step_lines(strategy: RolloutStrategy, delivery: Delivery | None) -> Iterator[StepLine]:
    """Where there are none, an update has nothing to go through."""
    for index, step in enumerate(strategy.canary.steps if strategy.canary else ()):
        mark = _mark(index, delivery)
        until = pause_end(step, delivery) if delivery is not None and mark == "current" else None
        yield StepLine(text=step_text(step), mark=mark, until=until)


def pause_end(step: CanaryStep, delivery: Delivery) -> float | None:
    """When the pause of the current step is over (epoch seconds); None: somebody ends it, or it is none."""
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


def _pause(pause: Pause) -> str:
    length = pause_seconds(pause)
    return "until promoted" if length is None else human_duration(length)


def _threshold(threshold: ReplicaProgressThreshold) -> str:
    return f"{threshold.value} %" if threshold.type == "Percent" else f"{threshold.value} pods"


def _scale(scale: SetCanaryScale) -> str:
    if scale.replicas is not None:
        return f"{scale.replicas} pods"
    return "as the traffic" if scale.weight is None else f"{scale.weight} %"


def _route(route: SetHeaderRoute) -> str:
    if not route.match:
        return f"{route.name} ends"
    return f"{route.name} ({', '.join(m.header_name for m in route.match)})"
