"""A delivery in a world where anything may happen, watched by the laws of progressive delivery."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import strategies as st

from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.errors import UsageError
from reconciler.model.action import StopPod
from reconciler.model.delivery import Order
from reconciler.model.observed import Observed
from reconciler.model.plan import Measure, Plan
from reconciler.model.progress import Progress
from tests.decide.builders import ROLLOUT, analysis_template
from tests.decide.delivery.course import Course, web

VERBS = ("pause", "resume", "promote", "promote-full", "abort", "retry", "undo")
ANALYSIS = {"templates": [{"templateName": "smoke"}]}
PROVIDER = {"web": {"url": "http://x"}}
ONCE = {"name": "good", "successCondition": "result == 1", "failureCondition": "result == 0"}
TEMPLATES = (
    analysis_template("smoke", {**ONCE, "provider": PROVIDER}),
    analysis_template("always", {**ONCE, "interval": "20s", "failureLimit": 1, "provider": PROVIDER}),
)

steps = st.lists(
    st.one_of(
        st.sampled_from([0, 1, 20, 25, 50, 80, 100]).map(lambda w: {"setWeight": w}),
        st.sampled_from([{}, {"duration": 5}, {"duration": "2m"}]).map(lambda p: {"pause": p}),
        st.just({"analysis": ANALYSIS}),
    ),
    max_size=5,
)
scales = st.sampled_from([{"replicas": 2}, {"weight": 50}, {"matchTrafficWeight": True}])
budgets = st.sampled_from(
    [{}, {"maxSurge": 0}, {"maxUnavailable": 0}, {"maxSurge": 2, "maxUnavailable": 1}, {"maxSurge": "50%"}]
)
background = st.sampled_from([{}, {"analysis": {"templates": [{"templateName": "always"}]}}])


@st.composite
def strategies(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["shared", "routed", "green"]))
    if kind == "green":
        return {"blueGreen": draw(_greens())}
    canary: dict[str, Any] = {"steps": draw(steps), **draw(budgets), **draw(background)}
    if kind == "routed":
        canary |= {"trafficRouting": {}, "canaryService": "web-canary", "stableService": "web-stable"}
        canary["steps"] = [
            step
            for s in canary["steps"]
            for step in ([s, {"setCanaryScale": draw(scales)}] if draw(st.booleans()) else [s])
        ]
        canary["dynamicStableScale"] = draw(st.booleans())
        canary["abortScaleDownDelaySeconds"] = draw(st.sampled_from([0, 10, 30]))
    return {"canary": canary}


@st.composite
def _greens(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "activeService": "web",
        "previewService": "web-preview",
        "autoPromotionEnabled": draw(st.booleans()),
        "autoPromotionSeconds": draw(st.sampled_from([0, 30])),
        "scaleDownDelaySeconds": draw(st.sampled_from([0, 30, 600])),
        **draw(st.sampled_from([{}, {"previewReplicaCount": 1}, {"scaleDownDelayRevisionLimit": 1}])),
        **draw(st.sampled_from([{}, {"prePromotionAnalysis": ANALYSIS}])),
        **draw(st.sampled_from([{}, {"postPromotionAnalysis": ANALYSIS}])),
    }


EVENTS = (
    "turn",
    "push",
    "order",
    "order",
    "wait",
    "wait",
    "die",
    "forget",
    "lose",
    "heal",
    "kill",
    "measure",
    "clock",
)
events = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 999)), max_size=14)


class Watched(Course):
    """Every pass is checked. `answer` is what measurements come to now."""

    def __init__(self, strategy: dict[str, Any], replicas: int, pace: Behaviour, **spec: Any) -> None:
        self.answer = "1"
        self._pace = pace
        names = ("web", "web-canary", "web-stable", "web-preview")
        super().__init__(
            strategy,
            *(web(name) for name in names),
            templates=TEMPLATES,
            replicas=replicas,
            measure=self._measure,
            **spec,
        )

    def _measure(self, _: Measure) -> str:
        return self.answer

    @property
    def recipe(self) -> Recipe:
        newest = self.commits[-1]
        found = recipe_of(newest, ROLLOUT, newest.workloads[ROLLOUT])
        assert found is not None
        return found

    def turn(self, at_most: int | None = None) -> Plan:
        observed = self.observe()
        plan = super().turn(at_most)
        check_stops(plan, observed, self.recipe)
        check_memory(self.progress)
        if at_most is None:
            check_traffic(self)
        return plan

    def happen(self, event: str, number: int) -> None:
        """Whatever it is, it may come at any moment."""
        names = list(self.fleet.machines)
        node = names[number % len(names)]
        match event:
            case "turn":
                self.turn()
                self.measured()
                self.now += 0.3
            case "push":
                image = ("v1", "v2", "v3", "missing", "hangs")[number % 5]
                subject = 'Revert "Update"' if number % 3 == 0 else "Update"
                more = {"replicas": 1 + number % 4} if number % 7 == 0 else {}
                self.commit(self.version(image, subject=subject, **more))
            case "order":
                self._told(number)
            case "wait":
                self.now += (0.5, 3, 11, 35, 130, 700)[number % 6]
            case "die":
                self.turn(at_most=number % 4)
                self.restart(lost=False)
            case "forget":
                self.restart(lost=True)
            case "lose":
                self.fleet.lose(node, self.now)
            case "heal":
                self.fleet.heal(node)
            case "kill":
                self._kill(number)
            case "measure":
                self.answer = ("1", "1", "0", "2", '"?"')[number % 5]
            case "clock":
                self.skew += (-40.0, -2.0, 4000.0)[number % 3]

    def _told(self, number: int) -> None:
        from reconciler.decide.delivery.orders import ordered

        verb = VERBS[number % len(VERBS)]
        order = Order(about=ROLLOUT, verb=verb, who="ada@desk", at=self.now + self.skew)  # type: ignore[arg-type]
        try:
            self.progress, _ = ordered(self.progress, order, self.desired)
        except UsageError as error:
            assert error.remedy, "it says what to do instead"

    def _kill(self, number: int) -> None:
        pods = [p for p in self.observe().pods() if self.fleet.machines[p.node].pods.get(p.key)]
        pods = [p for p in pods if p.containers]
        if pods:
            pod = pods[number % len(pods)]
            self.fleet.kill_container(pod.node, pod.key, pod.containers[0].name, self.now)

    def end(self) -> Plan:
        """Every node is back, measurements are good, and whatever waits for somebody is promoted."""
        for name in self.fleet.machines:
            self.fleet.heal(name)
        self.answer = "1"
        for _ in range(12):
            plan = self._rest()
            if plan.standing != "paused" or not plan.waits_for_somebody:
                return plan
            self.order("resume")
        raise AssertionError(f"it pauses for ever:\n{plan}\n{self.state}")

    def _rest(self) -> Plan:
        for _ in range(3000):
            plan = self.turn()
            self.measured()
            if plan.steps or plan.measures:
                self.now += 0.01
                continue
            moments = [m for m in (self.wake_at, self.fleet.next_change(self.now)) if m is not None]
            later = min((m for m in moments if m > self.now), default=None)
            if later is None or plan.standing == "converged" or plan.waits_for_somebody:
                return plan
            self.now = later
        raise AssertionError(f"no end:\n{self.plan}\n{self.state}")


def check_stops(plan: Plan, observed: Observed, recipe: Recipe) -> None:
    """What has traffic keeps the pods for it; both versions together keep the budget where they share it."""
    state = plan.progress.rollouts[ROLLOUT]
    way = state.delivery
    assert way is not None
    pods = [p for p in observed.by_owner.get(ROLLOUT, ()) if not p.terminating]
    stops = [s.action for s in plan.steps if isinstance(s.action, StopPod) and s.action.owner == ROLLOUT]
    own = {(a.node, a.key) for a in stops if "NoExecute" not in a.because and "it has " not in a.because}
    up = [p for p in pods if p.ready and observed.nodes[p.node].reachable]
    taken = [p for p in up if (p.node, p.key) in own]
    if not taken:
        return
    left = [p for p in up if p not in taken]
    if recipe.shared or way.stage == "first":
        least = min(recipe.budget.least, recipe.replicas)
        assert len(left) >= min(least, len(up)), f"too few stay\n{plan}\n{state}"
        return
    for version, part in traffic_parts(plan).items():
        if way.scale is not None and version == way.canary_hash:
            continue  # setCanaryScale says how many, whatever the weight
        was = sum(p.record.template_hash == version for p in up)
        stays = sum(p.record.template_hash == version for p in left)
        needed = -(-recipe.replicas * part.numerator // part.denominator)
        assert stays >= min(was, needed), f"{version} has {part} of the traffic\n{plan}\n{state}"


def traffic_parts(plan: Plan) -> dict[str, Fraction]:
    """Which part of the traffic each version is to have, as the state says."""
    state = plan.progress.rollouts[ROLLOUT]
    way = state.delivery
    assert way is not None
    if way.active_hash:
        return {way.active_hash: Fraction(1)}
    if way.stage in ("first", "done") or way.weight is None:
        return {state.template_hash: Fraction(1)} if way.stage == "done" else {}
    weight = Fraction(way.weight, 100)
    return (
        {way.canary_hash: weight, state.stable_hash: 1 - weight}
        if way.canary_hash != state.stable_hash
        else {state.stable_hash: Fraction(1)}
    )


def check_memory(progress: Progress) -> None:
    """What is kept can be read again as it was."""
    for kind, kept in (("rollouts", progress.rollouts), ("runs", progress.runs)):
        for key, value in kept.items():
            again = msgspec.json.decode(msgspec.json.encode(value), type=type(value))
            assert again == value, f"{kind} of {key}"


def check_traffic(course: Watched) -> None:
    """Weights stand to each other as the shares; the live slot holds one version, which is the active one."""
    way = course.state.delivery
    assert way is not None
    tags = {p.record.name: p.record.template_hash for p in course.observe().by_owner.get(ROLLOUT, ())}
    for machine in course.fleet.machines.values():
        if not machine.reachable or machine.traffic is None:
            continue
        for service in machine.traffic.services:
            ends = [e for p in service.ports for e in p.endpoints if e.state == "ready" and e.name in tags]
            if service.live:
                versions = {tags[e.name] for e in ends if e.slot == service.live}
                assert versions <= {way.active_hash}, f"{service}\n{way}"
            elif service.name in ("web", "web-stable:split") and not course.recipe.blue_green:
                _check_weights(course, ends, tags)


def _check_weights(course: Watched, ends: list[Any], tags: dict[str, str]) -> None:
    way, state = course.way, course.state
    if way.weight is None or way.stage in ("first", "done") or way.canary_hash in ("", state.stable_hash):
        return
    sums: dict[str, int] = {}
    for end in ends:
        sums[tags[end.name]] = sums.get(tags[end.name], 0) + end.weight
    canary, stable = sums.get(way.canary_hash, 0), sums.get(state.stable_hash, 0)
    assert not sum(v for k, v in sums.items() if k not in (way.canary_hash, state.stable_hash)), sums
    there = {tags[e.name] for e in ends}
    if {way.canary_hash, state.stable_hash} <= there:
        assert canary * (100 - way.weight) == stable * way.weight, f"{sums} for {way}"
