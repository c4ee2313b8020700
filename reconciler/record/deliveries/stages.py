"""A blue-green's stages as people read them: what is done, where it is, what is to come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.decide.delivery.bluegreen import READY, promoted_at
from reconciler.decide.delivery.green_text import Part, green_stages
from reconciler.model.delivery import Delivery, RunRole
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import BlueGreenStrategy, RolloutAnalysis
from reconciler.record.deliveries.lines import Mark, RunLine, StepLine


def stage_lines(
    green: BlueGreenStrategy, replicas: int, state: RolloutState | None, runs: Iterable[RunLine]
) -> Iterator[StepLine]:
    """None for a first version, and none when the set of before is gone: then nothing is to come."""
    way = state.delivery if state else None
    if state is None or way is None or way.stage == "first" or (way.stage == "done" and not way.retiring):
        return
    stages = list(green_stages(green, replicas, _templates, full=way.full))
    parts = [part for part, _ in stages]
    at = parts.index(_part(parts, way, {run.role for run in runs if run.phase != "Successful"}))
    for index, (part, text) in enumerate(stages):
        mark: Mark = "done" if index < at else "next"
        if index == at:
            mark = "stopped" if way.stage == "aborted" else "current"
        yield StepLine(text=text, mark=mark, until=_until(green, way, part) if mark == "current" else None)


def _templates(asked: RolloutAnalysis) -> str:
    return ", ".join(ref.template_name for ref in asked.templates)


def _part(parts: list[Part], way: Delivery, doubts: set[RunRole]) -> Part:
    """Where it is, or was when it was aborted or undone. `doubts`: analyses that aren't passed."""
    if way.stage == "done":
        return "warm"
    if way.stage == "switched" or way.step >= READY:
        return "post" if "post-promotion" in doubts and "post" in parts else "switch"
    if way.available_at is None:
        return "preview"
    if "pre-promotion" in doubts and "pre" in parts:
        return "pre"
    return "pause" if "pause" in parts else "switch"


def _until(green: BlueGreenStrategy, way: Delivery, part: Part) -> float | None:
    """When it ends by time alone."""
    if part == "warm":
        return max(way.retiring.values(), default=None)
    return promoted_at(green, way) if part == "pause" else None
