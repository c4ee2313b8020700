"""How an object wants to be delivered: a Rollout, or a Deployment that asks for more by an annotation."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import blake2b

import msgspec

from reconciler.decide.rollout.budget import Budget, share
from reconciler.model.base import Value
from reconciler.model.desired import Desired
from reconciler.model.duration import seconds
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.rollout import (
    AnalysisHistory,
    BlueGreenStrategy,
    CanaryStep,
    CanaryStrategy,
    Pause,
    Rollout,
    RolloutStrategy,
    TrafficRouting,
)
from reconciler.model.workload import Deployment

WHOLE = 100
"""The weights' sum, unless `maxTrafficWeight` says another."""
ABORT_DELAY = 30


class Recipe(Value):
    """Numbers of pods, times in seconds. `restart_at` in seconds since the epoch, 0: never."""

    strategy: RolloutStrategy
    replicas: int
    min_ready: float = 0.0
    deadline: int = 600
    deadline_abort: bool = False
    history_limit: int = 10
    rollback_window: int = 0
    paused: bool = False
    restart_at: float = 0.0
    runs_kept: AnalysisHistory = AnalysisHistory()

    @property
    def blue_green(self) -> BlueGreenStrategy | None:
        return self.strategy.blue_green

    @property
    def canary(self) -> CanaryStrategy:
        """An empty one is a rolling update."""
        return self.strategy.canary or CanaryStrategy()

    @property
    def steps(self) -> tuple[CanaryStep, ...]:
        return self.canary.steps

    @property
    def steps_hash(self) -> str:
        """Of a canary: changes with its steps (10 hex digits)."""
        if self.blue_green is not None:
            return ""
        return blake2b(msgspec.json.encode(self.steps, order="deterministic"), digest_size=5).hexdigest()

    @property
    def routing(self) -> TrafficRouting | None:
        return None if self.blue_green else self.canary.traffic_routing

    @property
    def whole(self) -> int:
        """All of the traffic, in the unit of the weights."""
        return self.routing.max_traffic_weight if self.routing else WHOLE

    @property
    def shared(self) -> bool:
        """Both versions share `replicas`: a canary without traffic routing."""
        return self.blue_green is None and self.routing is None

    @property
    def budget(self) -> Budget:
        """Argo Rollouts: maxSurge rounds up, maxUnavailable down; both 0 means 1 unavailable."""
        if (green := self.blue_green) is not None:
            unavailable = share(green.max_unavailable, self.replicas, up=False)
            return Budget(desired=self.replicas, surge=self.replicas, unavailable=unavailable)
        surge = share(self.canary.max_surge, self.replicas, up=True)
        unavailable = share(self.canary.max_unavailable, self.replicas, up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1
        return Budget(desired=self.replicas, surge=surge, unavailable=min(unavailable, self.replicas))

    @property
    def warm(self) -> int:
        """How long a set stays after it has been promoted away from."""
        if self.blue_green is not None:
            return self.blue_green.scale_down_delay_seconds
        return 0 if self.shared else self.canary.scale_down_delay_seconds

    @property
    def warm_after_abort(self) -> float:
        """How long the new set stays after an abort; `inf`: until the next version."""
        if self.shared:
            return 0.0
        delay: int | None
        if self.blue_green is not None:
            delay = self.blue_green.abort_scale_down_delay_seconds
        elif self.canary.dynamic_stable_scale:
            delay = self.canary.abort_scale_down_delay_seconds
            return 0.0 if delay is None else float(delay) if delay else float("inf")
        else:
            delay = self.canary.abort_scale_down_delay_seconds
        delay = ABORT_DELAY if delay is None else delay
        return float(delay) if delay else float("inf")

    @property
    def warm_limit(self) -> int | None:
        """How many sets may be kept warm."""
        if self.blue_green is not None:
            return self.blue_green.scale_down_delay_revision_limit
        return self.canary.scale_down_delay_revision_limit


def recipe_of(desired: Desired, key: Key, workload: Workload) -> Recipe | None:
    """None: it is no object that is delivered step by step."""
    if isinstance(workload, Rollout):
        return _of_rollout(workload)
    if isinstance(workload, Deployment) and (strategy := desired.strategies.get(key)) is not None:
        spec = workload.spec
        return Recipe(
            strategy=strategy,
            replicas=spec.replicas,
            min_ready=float(spec.min_ready_seconds),
            deadline=spec.progress_deadline_seconds,
            history_limit=spec.revision_history_limit,
            paused=spec.paused,
        )
    return None


def _of_rollout(rollout: Rollout) -> Recipe:
    spec = rollout.spec
    return Recipe(
        strategy=spec.strategy,
        replicas=spec.replicas,
        min_ready=float(spec.min_ready_seconds),
        deadline=spec.progress_deadline_seconds,
        deadline_abort=spec.progress_deadline_abort,
        history_limit=spec.revision_history_limit,
        rollback_window=spec.rollback_window.revisions if spec.rollback_window else 0,
        paused=spec.paused,
        restart_at=moment(spec.restart_at),
        runs_kept=spec.analysis,
    )


def moment(text: str) -> float:
    """RFC 3339 to seconds since the epoch; 0 for none."""
    if not text:
        return 0.0
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def pause_seconds(pause: Pause) -> float | None:
    """None: for ever. A number, or text without a unit, is seconds (Argo Rollouts: RolloutPause)."""
    length = pause.duration
    if length is None:
        return None
    if isinstance(length, str):
        return float(length) if length.isdecimal() else seconds(length)
    return float(length)
