"""Where a progressive delivery stands, what its analyses have measured, and what people told it to do."""

from __future__ import annotations

from typing import Literal

from reconciler.model.analysis import AnalysisRunSpec
from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.rollout import SetCanaryScale, SetHeaderRoute

Stage = Literal["first", "stepping", "finishing", "preview", "switched", "done", "aborted"]
"""first: there is nothing to be careful of yet. stepping: a canary goes through its steps. finishing: they
are done, or skipped. preview: the new set of a blue-green comes up and is judged. switched: it serves and is
judged once more. done: the newest version is the stable one. aborted: back to the stable one.
"""

HoldReason = Literal["step", "order", "inconclusive", "forgotten"]
"""step: a pause step, or a promotion that waits for somebody. order: somebody said pause. inconclusive: an
analysis couldn't tell. forgotten: all progress was lost, and what was seen is held until somebody says how
to go on.
"""

Verb = Literal["pause", "resume", "promote", "promote-full", "abort", "retry", "undo"]

AnalysisPhase = Literal["Pending", "Running", "Successful", "Failed", "Error", "Inconclusive"]

ENDED: frozenset[AnalysisPhase] = frozenset({"Successful", "Failed", "Error", "Inconclusive"})


class Hold(Value):
    """Why it doesn't go on by itself, and since when (epoch seconds)."""

    reason: HoldReason
    since: float
    message: str = ""


class Decision(Value):
    """What somebody told it to do. `who` as `user@machine`; `number` is the version that it was about."""

    at: float
    who: str
    verb: Verb
    number: int = 0


class Order(Value):
    """A verb on its way to the loop. `at` in seconds since the epoch."""

    about: Key
    verb: Verb
    who: str
    at: float


class Delivery(Value):
    """One object's way from a stable version to the newest one. Times in seconds since the epoch.

    `step` is the canary step that is under way, since `step_since`, of those that `steps_hash` stands for
    ("": it isn't known); of a preview, 1 says that it may be promoted. `canary_hash` is the version that gets
    the share `weight` of the traffic, as the proxies are told it, beside the stable one; None: every pod gets
    as much as any other. `active_hash` is the version that a blue-green's active service leads to. `full`:
    everything that takes time is skipped.
    `available_at` is when a preview's pods had all become available, `lacking_since` since when pods that
    should be there aren't. `ended_at` is when it was promoted or aborted. `retiring`: versions that stay warm
    until then. `attempt` grows with each retry, and with other steps.
    `previous_hash` and `previous_revision` were stable before the present one was: what `undo` returns to.
    """

    stage: Stage
    step: int = 0
    step_since: float = 0.0
    steps_hash: str = ""
    canary_hash: str = ""
    weight: int | None = None
    active_hash: str = ""
    holds: tuple[Hold, ...] = ()
    full: bool = False
    scale: SetCanaryScale | None = None
    routes: tuple[SetHeaderRoute, ...] = ()
    available_at: float | None = None
    lacking_since: float | None = None
    ended_at: float = 0.0
    retiring: dict[str, float] = {}
    attempt: int = 0
    previous_hash: str = ""
    previous_revision: str = ""
    decisions: tuple[Decision, ...] = ()

    def held_by(self, reason: HoldReason) -> bool:
        return any(hold.reason == reason for hold in self.holds)


class Measurement(Value):
    """One look at a metric. `value` is JSON, cut to a length that is for people."""

    phase: AnalysisPhase
    started_at: float
    finished_at: float
    value: str = ""
    message: str = ""


class MetricState(Value):
    """What was measured of one metric. `next_at` is when it is measured again, None: never or not yet known.

    `measurements` are the newest ones, oldest first. `count` leaves out those that ended in an error.
    """

    phase: AnalysisPhase = "Pending"
    message: str = ""
    dry_run: bool = False
    count: int = 0
    successful: int = 0
    failed: int = 0
    inconclusive: int = 0
    error: int = 0
    consecutive_error: int = 0
    consecutive_success: int = 0
    next_at: float | None = None
    measurements: tuple[Measurement, ...] = ()

    @property
    def taken(self) -> int:
        """How many measurements there were, whatever came of them: the number of the next one."""
        return self.count + self.error


RunRole = Literal["background", "step", "pre-promotion", "post-promotion", "own"]
"""own: an AnalysisRun from a file."""


class RunState(Value):
    """One AnalysisRun. `spec` has its arguments filled in, except those from Secrets: these are references.

    `owner` is the object that it judges, or the AnalysisRun itself; `template_hash` the version.
    """

    owner: Key
    role: RunRole
    spec: AnalysisRunSpec
    started_at: float
    template_hash: str = ""
    step: int | None = None
    phase: AnalysisPhase = "Running"
    message: str = ""
    completed_at: float | None = None
    metrics: dict[str, MetricState] = {}
