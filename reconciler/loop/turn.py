"""What one pass saw, decided and began: the value that everybody who listens gets."""

from __future__ import annotations

from reconciler.apply.walk import Outcome
from reconciler.errors import SourceError
from reconciler.loop.wanted import Refusal
from reconciler.model.base import Value
from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan, Step
from reconciler.model.progress import Progress
from reconciler.model.reversal import Reverted


class Ordered(Value):
    """An order that was carried out, and what it came to in words."""

    order: Order
    words: str


class Turn(Value):
    """One pass. `at` in seconds since the epoch, as people's clocks showed it; `now` by the loop's own time,
    by which all in `observed`, `plan` and progress counts (`loop.steady`). `seconds` is how long it took.

    `desired` and `plan` are None while no good revision has been seen. `begun` are the plan's steps
    that were taken on now, `ended` the actions that ended since the last pass. `idle` says that
    nothing is under way. `failing` says of steps that failed and are tried again later: what and why.
    `before` is the progress that was kept last, before what ended, was measured or was ordered since.
    """

    at: float
    seconds: float
    observed: Observed
    now: float = 0.0
    desired: Desired | None = None
    plan: Plan | None = None
    begun: tuple[Step, ...] = ()
    ended: tuple[Outcome, ...] = ()
    idle: bool = True
    failing: tuple[str, ...] = ()
    refusal: Refusal | None = None
    source_error: SourceError | None = None
    before: Progress = Progress()
    orders: tuple[Ordered, ...] = ()
    reverted: tuple[Reverted, ...] = ()

    @property
    def ahead(self) -> float:
        """By how much people's clocks were ahead of the loop's own time."""
        return self.at - self.now if self.now else 0.0

    @property
    def waits(self) -> bool:
        """Something is under way, or comes with time."""
        return self.plan is None or not self.idle or bool(self.plan.steps) or self.plan.wake_at is not None

    def waits_for_no_time(self, ahead: float) -> bool:
        """The loop's time may be set `ahead` by so many seconds: nothing would come sooner or later by that.
        While a node is silent it isn't set back: that would forget for how long.
        """
        if not ahead or self.waits or self.plan is None or self.plan.measures:
            return False
        return ahead > 0 or all(node.reachable for node in self.observed.nodes.values())

    def event(
        self,
        about: Key,
        reason: str,
        message: str,
        *,
        warning: bool = False,
        node: str = "",
        revision: str = "",
    ) -> Event:
        """Something that happened in it, for the journal."""
        return Event(
            at=self.at,
            type="Warning" if warning else "Normal",
            reason=reason,
            message=message,
            about=about,
            node=node,
            revision=revision,
        )
