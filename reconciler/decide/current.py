"""One pass: what it was given, and what it has decided so far. The only thing in this room that changes."""

from __future__ import annotations

from reconciler.decide.draft import Draft
from reconciler.decide.names import Names
from reconciler.decide.schedule.ground import Bases, Ground
from reconciler.decide.survey import Survey
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed
from reconciler.model.progress import Attempt, Progress, RolloutState


class Pass:
    """`attempts` and `rollouts` are what progress will be: what isn't put in is forgotten."""

    def __init__(
        self,
        desired: Desired,
        observed: Observed,
        before: Progress,
        now: float,
        survey: Survey,
        bases: Bases,
    ) -> None:
        self.desired, self.observed, self.before, self.now = desired, observed, before, now
        self.survey = survey
        self.draft = Draft()
        self.ground = Ground(survey, bases)
        self.ground.hold(before.attempts.values())
        self.names = Names(observed, before.attempts, desired.workloads)
        self.attempts: dict[Key, Attempt] = {}
        self.rollouts: dict[Key, RolloutState] = {}
        self._attempts_of: dict[Key, list[Attempt]] = {}
        for key in sorted(before.attempts):
            attempt = before.attempts[key]
            self._attempts_of.setdefault(attempt.record.owner, []).append(attempt)
        self._dark = [v.state for v in survey.views.values() if v.status == "unknown"]
        self._never_seen = [v for v in survey.views.values() if v.never_seen]

    def attempts_of(self, owner: Key) -> list[Attempt]:
        return self._attempts_of.get(owner, [])

    def hidden(self, owner: Key, seen: int, wanted: int) -> tuple[int, float | None]:
        """How many of the owner's pods may be on nodes that nobody has looked into yet, and until when.

        A node that can't be reached is never mistaken for an empty one. Pods that were never started
        can't be hidden: a workload that progress doesn't know is new, unless there is no progress at all;
        a fleet's very first start waits for nodes that don't answer, as long as it would after a loss.
        """
        until = self._dark_until()
        if until is None or seen >= wanted:
            return 0, None
        known = self.before.rollouts.get(owner)
        if known is not None:
            before = wanted if known.replicas is None else known.replicas
            return max(0, min(wanted, before) - seen), until
        return (0 if self.before.rollouts else wanted - seen), until

    def _dark_until(self) -> float | None:
        """None: every node has been looked into, or given up. `inf`: one hasn't answered yet."""
        if self._dark:
            return float("inf")
        ends = [v.lost_at + self.survey.eviction_after for v in self._never_seen if v.status in _GONE]
        return max((end for end in ends if end > self.now), default=None)

    def dark_nodes(self) -> str:
        """Those nodes, for a sentence."""
        dark: list[NodeState] = self._dark or [v.state for v in self._never_seen if v.status in _GONE]
        return ", ".join(state.name for state in dark)


_GONE = ("silent", "lost")
