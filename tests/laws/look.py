"""One plan of one delivered object, and the pods that it was made for: what promises are checked on."""

from __future__ import annotations

from collections import Counter

from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.survey import survey
from reconciler.model.action import StartPod, StopPod
from reconciler.model.delivery import Delivery
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Plan
from reconciler.model.progress import Progress, RolloutState
from tests.laws.evictions import evicted

RESTARTED = "it is older than spec.restartAt"


class Look:
    """`pods` hold places: those that end, or must go at once, don't. By version: `up` are available, `left`
    stay so, `fit` are ready and stay; `starts` and `stops` are the plan's, these of available pods and not
    `restarts`. By name: `versions` of all pods that were seen, `stopped`, `restarts`; `young` are stopped and
    ready, but not for long enough. `others_fit`: pods of another owner are ready and stay.
    """

    def __init__(
        self,
        key: Key,
        plan: Plan,
        desired: Desired,
        observed: Observed,
        progress: Progress,
        now: float,
        recipe: Recipe,
    ) -> None:
        self.key, self.plan, self.desired, self.recipe, self.now = key, plan, desired, recipe, now
        self.before = progress.rollouts.get(key)
        self.state: RolloutState = plan.progress.rollouts[key]
        assert self.state.delivery is not None
        self.way: Delivery = self.state.delivery
        self.views = views = survey(desired.fleet, observed, now).views
        every = observed.by_owner.get(key, ())
        self.versions = {p.record.name: p.record.template_hash for p in every}
        self.pods = pods = [p for p in every if not p.terminating and not evicted(p, views[p.node])]
        fit = [p for p in pods if p.ready and views[p.node].status in ("ready", "silent")]
        up = [p for p in fit if p.key not in progress.attempts and self._long_enough(p.ready_since)]
        here = [p for p in pods if views[p.node].status != "lost"]
        seen = {p.key for p in every if not p.terminating}
        steps = [s.action for s in plan.steps]
        self.starts = Counter(
            a.record.template_hash
            for a in steps
            if isinstance(a, StartPod)
            and a.owner == key
            and a.key not in seen
            and a.key not in progress.attempts
        )
        stops = [a for a in steps if isinstance(a, StopPod)]
        every_stop = {a.key for a in stops}
        self.stopped = {a.pod for a in stops if a.owner == key}
        self.restarts = {a.pod for a in stops if a.owner == key and a.because == RESTARTED}
        self.up = Counter(p.record.template_hash for p in up)
        rolled = [p for p in up if p.record.name in self.stopped - self.restarts]
        self.stops = Counter(p.record.template_hash for p in rolled)
        young = {p.record.name for p in fit if p.key not in progress.attempts and p not in up}
        self.young = young & (self.stopped - self.restarts)
        self.left = Counter(p.record.template_hash for p in up if p.record.name not in self.stopped)
        self.fit = Counter(p.record.template_hash for p in fit if p.record.name not in self.stopped)
        self.count = Counter(p.record.template_hash for p in here)
        self.others_fit = any(
            p.ready and not p.terminating and p.key not in every_stop and views[p.node].status == "ready"
            for owner, others in observed.by_owner.items()
            for p in others
            if owner.kind == "Deployment" and owner != key
        )
        for pod, attempt in plan.progress.attempts.items():
            if attempt.record.owner == key and pod not in seen:
                self.count[attempt.record.template_hash] += 1

    def _long_enough(self, since: float | None) -> bool:
        return since is not None and (since > self.now or since + self.recipe.min_ready <= self.now)

    def __str__(self) -> str:
        return (
            f"{self.plan}\nup {dict(self.up)} of {dict(self.count)}, {self.recipe.replicas} wanted,"
            f" starts {dict(self.starts)}, stops {dict(self.stops)}, restarts {self.restarts}"
            f"\nstable {self.state.stable_hash} newest {self.state.template_hash}"
            f"\n{self.before.delivery if self.before else None}\n{self.way}\n{self.recipe.strategy}"
        )
