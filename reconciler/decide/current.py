"""One pass: what it was given, and what it has decided so far. The only thing in this room that changes."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.decide.draft import Draft
from reconciler.decide.hidden import Hidden
from reconciler.decide.names import Names
from reconciler.decide.origin import version_of
from reconciler.decide.schedule.ground import Bases, Ground
from reconciler.decide.survey import Survey
from reconciler.model.canonical import same_meaning
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import Observed, PodRecord
from reconciler.model.plan import Bug, Measure
from reconciler.model.progress import Attempt, Progress, RolloutState
from reconciler.model.rollout import Rollout


class Pass:
    """`attempts`, `rollouts` and `runs` are what progress will be: what isn't put in is forgotten.
    `measures` are what is to be measured now.
    """

    def __init__(
        self,
        desired: Desired,
        observed: Observed,
        before: Progress,
        now: float,
        survey: Survey,
        bases: Bases,
        ahead: float = 0.0,
    ) -> None:
        self.desired, self.observed, self.before, self.now = desired, observed, before, now
        self.survey, self._ahead = survey, ahead
        self.draft = Draft()
        self.ground = Ground(survey, bases, self._believed)
        self.ground.hold(before.attempts.values())
        self.names = Names(observed, before.attempts, desired.workloads)
        self.attempts: dict[Key, Attempt] = {}
        self.rollouts: dict[Key, RolloutState] = {}
        self.runs: dict[Key, RunState] = {}
        self.measures: list[Measure] = []
        self.bugs: list[Bug] = []
        """See `isolated`."""
        self.homeless: dict[Key, str] = {}
        """Analyses that measure with a pod which finds no place, and why."""
        self.unsteady: set[Key] = set()
        """Workloads whose plan depends on more than their own pods: they are looked at in every pass."""
        self.takers: Mapping[Key, Rollout] = {}
        """By Deployment, the Rollout that it is scaled down for."""
        self._attempts_of: dict[Key, list[Attempt]] = {}
        for key in sorted(before.attempts):
            attempt = before.attempts[key]
            self._attempts_of.setdefault(attempt.record.owner, []).append(attempt)
        self.hidden = Hidden(survey, before, now)

    def _believed(self, record: PodRecord) -> bool:
        found = version_of(self.desired, self.every_run, record.owner, record.template_hash)
        return found is not None and same_meaning(found.spec.affinity, record.spec.affinity)

    def named(self, moment: float) -> float:
        """A moment by people's clocks, as a manifest names it, by the clock of `now`."""
        return moment - self._ahead

    @property
    def every_run(self) -> Mapping[Key, RunState]:
        """As far as this pass has gone on with them."""
        return self.before.runs | self.runs

    def attempts_of(self, owner: Key) -> list[Attempt]:
        return self._attempts_of.get(owner, [])
