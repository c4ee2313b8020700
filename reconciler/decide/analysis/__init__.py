"""AnalysisRuns: what is measured when, how it is judged, and what that comes to. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.decide.current import Pass
from reconciler.model.base import Value
from reconciler.model.delivery import RunRole, RunState
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.model.progress import Progress
from reconciler.model.rollout import RolloutAnalysis


class Asked(Value):
    """A run that somebody's delivery asks for. `fields`: the asking object as plain data."""

    key: Key
    owner: Key
    role: RunRole
    analysis: RolloutAnalysis
    step: int | None = None
    template_hash: str = ""
    stable_hash: str = ""
    canary: tuple[str, ...] = ()
    stable: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    fields: dict[str, Any] = {}


def pursue(turn: Pass, asked: Asked) -> RunState:
    """Begin the run if it isn't known, judge what was measured, ask for what is to be measured next.

    Puts it into `turn.runs`, its measurements into `turn.measures`, and what it waits for into the draft.
    """
    raise NotImplementedError


def terminate(turn: Pass, key: Key, because: str) -> None:
    """End a run early, as Argo Rollouts does: successful, unless it has failed already. Unknown or ended runs
    stay as they are.
    """
    raise NotImplementedError


def plan_runs(turn: Pass) -> None:
    """After all workloads: AnalysisRuns from files, pods of job metrics, which ended runs are kept."""
    raise NotImplementedError


def after_measurement(progress: Progress, measured: Measured) -> Progress:
    """Progress with a measurement in it, judged. The same object when nobody waits for it any more."""
    raise NotImplementedError


def assumed(progress: Progress, measure: Measure, now: float) -> Progress:
    """As if it had been measured and found good: for looking ahead."""
    raise NotImplementedError
