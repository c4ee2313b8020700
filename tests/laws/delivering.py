"""A delivery in the world of laws: orders, measurements, a clock that is set wrong; every plan is checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import msgspec

from reconciler.decide.analysis import after_measurement
from reconciler.decide.delivery.orders import ordered
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.errors import UsageError
from reconciler.model.delivery import Delivery, Order, Verb
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured, Plan
from reconciler.model.progress import Progress, RolloutState
from tests.laws.deliveries import MOODS
from tests.laws.happen import happen
from tests.laws.job_metrics import end_badly, set_pace
from tests.laws.promises import check_delivery
from tests.laws.world import World, check_plan

SPLIT = ("web", "web-stable:split")
JUMPS = (-7.0, 7.0, -100_000.0, 100_000.0)
VALUES = {"good": "1", "bad": "0", "unclear": "2"}


class Delivering(World):
    """`mood`: how measurements come out from now on."""

    def __init__(self, desired: Desired, key: Key, behaviour: Behaviour | None = None) -> None:
        super().__init__(desired, behaviour)
        self.key, self.mood = key, "good"
        set_pace(self.fleet, "good")
        self._late: list[Measure] = []

    @property
    def state(self) -> RolloutState | None:
        return self.progress.rollouts.get(self.key)

    @property
    def way(self) -> Delivery | None:
        return self.state.delivery if self.state is not None else None

    def turn(self, at_most: int | None = None) -> Plan:
        before, observed = self.progress, self.observe()
        plan = self.decide()
        check_plan(plan, self.desired, observed, before, self.clock)
        check_delivery(self.key, plan, self.desired, observed, before, self.clock)
        self.progress = kept(plan.progress)
        self.act(plan, at_most)
        self._measure(plan)
        if self.mood in ("bad", "error"):
            end_badly(self.fleet, self.now)
        return plan

    def _measure(self, plan: Plan) -> None:
        asked, self._late = [*self._late], []
        if self.mood == "late":
            self._late = [*plan.measures]
        elif self.mood != "never":
            asked += plan.measures
        for measure in asked:
            found = Measured(
                run=measure.run,
                metric=measure.metric.name,
                number=measure.number,
                started_at=self.clock,
                finished_at=self.clock,
                value=VALUES.get(self.mood, "1"),
                error="no answer" if self.mood == "error" else "",
            )
            self.progress = kept(after_measurement(self.progress, found))

    def order(self, verb: Verb) -> bool:
        """Whether it made sense."""
        order = Order(about=self.key, verb=verb, who="ada@desk", at=self.clock)
        try:
            progress, words = ordered(self.progress, order, self.desired)
        except UsageError as error:
            assert error.remedy, "what to do instead"
            return False
        assert words
        self.progress = kept(progress)
        return True

    def happen(self, event: str, number: int, next_commit: Callable[[], Desired]) -> None:
        match event:
            case "order":
                self.order(get_args(Verb)[number % len(get_args(Verb))])
            case "go":
                self.rest(seconds=(0.5, 5.0, 40.0, 130.0)[number % 4])
            case "mood":
                self._feel(MOODS[number % len(MOODS)])
            case "jump":
                self._set_clock(self.skew + JUMPS[number % len(JUMPS)])
            case _:
                happen(self, event, number, next_commit)

    def calm_down(self, final: Desired) -> None:
        """Every node is back, what is wanted and measured is good. The clock stays as wrong as it is."""
        for name in self.fleet.machines:
            self.fleet.heal(name)
        self.fleet._failures.clear()
        self._feel("good")
        self.commit(final)

    def _feel(self, mood: str) -> None:
        self.mood = mood
        set_pace(self.fleet, mood)

    def _set_clock(self, skew: float) -> None:
        """Ours, not the nodes': each of them says how far apart they are."""
        self.skew = skew
        for machine in self.fleet.machines.values():
            machine.facts = msgspec.structs.replace(machine.facts, clock_skew=-skew)

    def rest(self, passes: int = 300, seconds: float = 5_000.0) -> Plan:
        """Pass after pass, until time brings nothing any more, or so much of it has passed."""
        end = self.now + seconds
        for _ in range(passes):
            plan = self.turn()
            if plan.steps or (plan.measures and self.mood != "never"):
                self.now += 0.01
                continue
            wake = [self.later(plan.wake_at)] if plan.wake_at is not None else []
            change = self.fleet.next_change(self.now)
            moments = [*wake, *([change] if change is not None else [])]
            later = min((m for m in moments if m > self.now), default=None)
            if later is None or later > end:
                return plan
            self.now = later
        raise AssertionError(f"no rest after {passes} passes:\n{self.plan}\n{self.plan.verdicts}\n{self.way}")

    def told(self) -> dict[str, dict[str, float]]:
        """For each node and service that leads to several versions: what part of the traffic each gets."""
        pods = self.observe().by_owner.get(self.key, ())
        versions = {p.record.name: p.record.template_hash for p in pods}
        found: dict[str, dict[str, float]] = {}
        for name, machine in self.fleet.machines.items():
            for service in machine.traffic.services if machine.traffic else ():
                sums: dict[str, int] = {}
                for end in service.ports[0].endpoints if service.name in SPLIT else ():
                    ours = end.name in versions and end.slot == service.live
                    if end.state == "ready" and ours and end.weight:
                        sums[versions[end.name]] = sums.get(versions[end.name], 0) + end.weight
                whole = sum(sums.values())
                found[f"{name} {service.name}"] = {v: round(w / whole, 2) for v, w in sums.items()}
        return found


def kept(progress: Progress) -> Progress:
    """As the store keeps it. The same object, so that the memo isn't disturbed."""
    for state in (*progress.rollouts.values(), *progress.runs.values()):
        again = msgspec.json.decode(msgspec.json.encode(state), type=type(state))
        assert again == state, "progress must survive being stored"
    return progress
