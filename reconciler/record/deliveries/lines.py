"""The values that the picture of a delivery is made of. Times in seconds since the epoch."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Told
from reconciler.model.delivery import AnalysisPhase, Decision, Hold, RunRole, Stage
from reconciler.model.meta import Key

Phase = Literal["Progressing", "Paused", "Healthy", "Degraded"]
"""Argo Rollouts' words."""

Mark = Literal["done", "current", "stopped", "next"]
"""stopped: here it was aborted."""


class StepLine(Told):
    """One canary step, or stage of a blue-green. `until` is when it ends by time alone."""

    text: str
    mark: Mark
    until: float | None = None


class SetLine(Told):
    """The pods of one version. `number` is the version's, 0 where it isn't known any more.

    `roles` are stable, canary, active, preview, new (there is no stable one yet) or old. `weight` is its
    share of the traffic, None where pods share it alike. `nodes` counts its pods. Until `ends_at` it stays
    warm.
    """

    template_hash: str
    number: int
    revision: str
    roles: tuple[str, ...]
    ready: int
    total: int
    weight: int | None = None
    ends_at: float | None = None
    nodes: dict[str, int] = {}


class MetricLine(Told):
    """What was measured of one metric. `value` is the newest one, as JSON."""

    name: str
    phase: AnalysisPhase
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    value: str = ""
    message: str = ""
    dry_run: bool = False


class RunLine(Told):
    """One AnalysisRun of the version that is being delivered."""

    name: str
    role: RunRole
    phase: AnalysisPhase
    message: str
    started_at: float
    metrics: tuple[MetricLine, ...]
    step: int | None = None


class DeliveryStatus(Told, omit_defaults=False):
    """One object. `stage` None: it hasn't been taken up yet. Counts are pods; `updated` those of the newest
    version.

    `step` counts from 0. `weight` is the canary's share out of `max_weight`, None: as many as it has pods.
    `until` is when it goes on by time alone, as long as a reconciler is `running`.
    """

    kind: str
    namespace: str
    name: str
    at: float
    strategy: Literal["canary", "blueGreen"]
    phase: Phase
    message: str
    stage: Stage | None
    number: int
    template_hash: str
    stable_hash: str
    desired: int
    updated: int
    ready: int
    available: int
    step: int
    steps: tuple[StepLine, ...]
    weight: int | None
    max_weight: int
    until: float | None
    holds: tuple[Hold, ...]
    sets: tuple[SetLine, ...]
    runs: tuple[RunLine, ...]
    decisions: tuple[Decision, ...]
    running: bool = True

    @property
    def key(self) -> Key:
        return Key(self.kind, self.namespace, self.name)
