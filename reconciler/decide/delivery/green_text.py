"""The stages of a blue-green in words: what is to come, for `plan`, and where it is, for `rollout status`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from reconciler.model.duration import human_duration
from reconciler.model.rollout import BlueGreenStrategy, RolloutAnalysis

Part = Literal["preview", "pre", "pause", "switch", "post", "warm"]


def green_stages(
    green: BlueGreenStrategy, replicas: int, analysis: Callable[[RolloutAnalysis], str], *, full: bool = False
) -> Iterator[tuple[Part, str]]:
    """In their order. `full`: without what takes time. `analysis` says what one measures."""
    preview = f" behind {green.preview_service}" if green.preview_service else ""
    smaller = replicas if green.preview_replica_count is None else green.preview_replica_count
    yield "preview", f"preview{preview}, {pods(min(smaller, replicas))}"
    if not full:
        yield from _asked(green, analysis)
    yield "switch", f"{green.active_service} moves to it, {pods(replicas)}"
    if green.post_promotion_analysis is not None and not full:
        yield "post", f"analysis {analysis(green.post_promotion_analysis)}"
    yield "warm", f"the set of before stays warm for {human_duration(green.scale_down_delay_seconds)}"


def _asked(
    green: BlueGreenStrategy, analysis: Callable[[RolloutAnalysis], str]
) -> Iterator[tuple[Part, str]]:
    if green.pre_promotion_analysis is not None:
        yield "pre", f"analysis {analysis(green.pre_promotion_analysis)}"
    if not green.auto_promotion_enabled:
        yield "pause", "pause until promoted"
    elif green.auto_promotion_seconds:
        yield "pause", f"pause {human_duration(green.auto_promotion_seconds)}"


def pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"
