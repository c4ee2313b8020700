"""A third version on the way, another strategy on the way, a clock that is set back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide.delivery.adapt import adapted
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.sight import Crowd, Sight
from reconciler.model.delivery import Delivery, Hold
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import RolloutStrategy
from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

SLOW = analysis_template(
    "smoke",
    {
        "name": "good",
        "interval": "60s",
        "count": 3,
        "successCondition": "result == 1",
        "provider": {"web": {"url": "http://x"}},
    },
)
JUDGED: dict[str, Any] = {
    "blueGreen": {
        "activeService": "web",
        "postPromotionAnalysis": {"templates": [{"templateName": "smoke"}]},
    }
}
BY_HAND = {"blueGreen": {"activeService": "web", "autoPromotionEnabled": False}}
ROUTED = {
    "canary": {
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": {},
        "steps": [{"setWeight": 25}, {"pause": {}}],
    }
}
SERVICES = (web(), web("web-canary"), web("web-stable"))


def judged() -> Course:
    course = Course(JUDGED, *SERVICES, templates=(SLOW,), replicas=2)
    course.push("v2")
    assert course.way.stage == "switched"
    return course


def test_a_set_that_is_active_stays_while_a_third_one_is_previewed() -> None:
    course = judged()
    course.push("v3", strategy=BY_HAND)
    assert course.shares() == {"v2": 100}
    assert course.pods() == {"v1": 2, "v2": 2, "v3": 2}
    course.order("promote")
    assert course.shares() == {"v3": 100}


def test_back_to_the_active_set_it_is_judged_after_all() -> None:
    course = judged()
    two = course.state.template_hash
    course.push("v3", strategy=BY_HAND)
    course.push("v2", strategy=JUDGED)
    assert course.state.template_hash == two
    assert course.way.stage == "switched"
    course.wait(200)
    assert course.standing == "converged"


def test_an_aborted_set_that_still_serves_is_judged_anew_by_a_retry() -> None:
    course = judged()
    for machine in course.fleet.machines.values():
        for pod in machine.pods.values():
            if pod.record.spec.containers[0].image == "web:v1":
                course.fleet.kill_container(machine.name, pod.record.key, "app", course.now)
    course.fleet.behaviour = msgspec.structs.replace(
        course.fleet.behaviour, never_ready=frozenset({"web:v1"}), crashing=frozenset({"web:v1"})
    )
    course.turn()
    course.order("abort")
    course.order("retry")
    assert course.way.stage in ("preview", "switched")
    assert course.state.stable_hash != course.state.template_hash, "it isn't promoted by that"


def test_from_canary_to_blue_green_on_the_way() -> None:
    course = Course(ROUTED, *SERVICES)
    course.push("v2")
    course.push("v2", strategy=BY_HAND)
    assert course.shares() == {"v1": 100}
    assert course.standing == "paused: paused at preview until it is promoted"
    course.order("promote")
    assert course.shares() == {"v2": 100}


def test_from_blue_green_to_canary_on_the_way() -> None:
    course = Course(BY_HAND, *SERVICES)
    course.push("v2")
    course.push("v2", strategy=ROUTED)
    assert course.shares() == {"v1": 75, "v2": 25}
    course.order("promote")
    course.wait(40)
    assert course.standing == "converged"


def test_the_next_version_after_a_change_of_strategy_is_not_active_before_it_is_ready() -> None:
    course = Course(ROUTED, *SERVICES)
    course.push("v1", strategy=BY_HAND)
    course.push("v2", strategy=BY_HAND)
    assert course.shares() == {"v1": 100}


def test_a_canary_that_has_traffic_keeps_its_pods_at_a_step_without_a_weight() -> None:
    strategy = {"canary": {**ROUTED["canary"], "steps": [{"setWeight": 50}, {"pause": {}}]}}
    course = Course(strategy, *SERVICES)
    course.push("v2")
    unweighted = {"canary": {**ROUTED["canary"], "steps": [{"pause": {}}]}}
    course.commit(course.version("v2", strategy=unweighted))
    course.forget()
    course.order("resume")
    assert course.shares() == {"v1": 50, "v2": 50}
    assert course.pods() == {"v1": 4, "v2": 2}


def test_slots_stay_where_a_node_has_missed_a_switch() -> None:
    course = Course({"blueGreen": {"activeService": "web", "scaleDownDelaySeconds": 10}}, web(), replicas=2)
    course.fleet.lose("pi-1", course.now)
    course.push("v2")
    slot = course.routed(node="pi-2").live
    course.wait(12)
    assert course.routed(node="pi-2").live == slot
    assert {
        e.slot for e in course.routed(node="pi-2").ports[0].endpoints if "v2" in course.tags()[e.name]
    } == {slot}


def test_with_no_replicas_nothing_is_waited_for() -> None:
    course = Course(ROUTED, *SERVICES)
    course.push("v2")
    course.push("v3", replicas=0)
    course.order("promote")
    assert course.standing == "converged"


def test_a_clock_that_is_set_back_lengthens_nothing() -> None:
    course = Course({"blueGreen": {"activeService": "web", "scaleDownDelaySeconds": 60}}, web(), replicas=2)
    course.push("v2")
    assert course.pods() == {"v1": 2, "v2": 2}
    course.skew = -1_000_000.0
    course.settle()
    assert course.way.retiring
    course.now += 70.0
    course.settle()
    assert course.pods() == {"v2": 2}


@pytest.mark.parametrize("lost", [False, True])
def test_a_commit_while_memory_is_lost_waits(lost: bool) -> None:
    course = Course(ROUTED, *SERVICES)
    course.push("v2")
    course.commit(course.version("v3"))
    course.restart(lost=lost)
    course.settle()
    course.wait(30)
    assert course.shares() == ({"v1": 75, "v2": 25} if lost else {"v1": 75, "v3": 25})
    if lost:
        course.order("resume")
        assert course.shares() == {"v1": 75, "v3": 25}


def test_header_routes_outlive_lost_memory() -> None:
    match = [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]
    steps = [
        {"setCanaryScale": {"replicas": 1}},
        {"setHeaderRoute": {"name": "beta", "match": match}},
        {"pause": {}},
    ]
    routing = {"managedRoutes": [{"name": "beta"}]}
    strategy = {"canary": {**ROUTED["canary"], "trafficRouting": routing, "steps": steps}}
    course = Course(strategy, *SERVICES)
    course.push("v2")
    told = course.routed().header_routes
    assert told
    course.forget()
    assert course.routed().header_routes == told


def test_a_canary_without_ready_pods_gets_nothing_when_memory_is_lost() -> None:
    steps = [{"setCanaryScale": {"replicas": 2}}, {"pause": {}}]
    course = Course({"canary": {**ROUTED["canary"], "steps": steps}}, *SERVICES)
    course.fleet.behaviour = msgspec.structs.replace(course.fleet.behaviour, ready_seconds=9.0)
    course.push("v2")
    course.forget()
    course.wait(20)
    assert course.pods() == {"v1": 4, "v2": 2}
    assert course.shares() == {"v1": 100}


def _state(way: Delivery) -> RolloutState:
    return RolloutState(
        template_hash="new",
        phase="progressing",
        number=2,
        started_at=0.0,
        progressed_at=0.0,
        stable_hash="old",
        delivery=way,
    )


def _recipe(strategy: dict[str, Any]) -> Recipe:
    return Recipe(strategy=msgspec.convert(strategy, RolloutStrategy), replicas=2)


SIGHT = Sight(
    template_hash="new",
    revision="",
    crowds={"old": Crowd(count=2, available=2), "new": Crowd(count=2, available=2)},
)


@pytest.mark.parametrize(
    ("before", "strategy", "after"),
    [
        ({"stage": "stepping", "weight": 25}, BY_HAND, {"stage": "preview", "active_hash": "old"}),
        ({"stage": "finishing", "weight": 100}, BY_HAND, {"stage": "preview", "active_hash": "old"}),
        ({"stage": "aborted", "weight": 25}, BY_HAND, {"stage": "aborted", "active_hash": "old"}),
        ({"stage": "done"}, BY_HAND, {"stage": "done", "active_hash": "new"}),
        ({"stage": "first"}, BY_HAND, {"stage": "first", "active_hash": "new"}),
        ({"stage": "preview", "active_hash": "old"}, ROUTED, {"stage": "stepping", "weight": 0}),
        ({"stage": "preview", "active_hash": "old", "full": True}, ROUTED, {"stage": "finishing"}),
        ({"stage": "switched", "active_hash": "new"}, ROUTED, {"stage": "finishing", "weight": 100}),
        ({"stage": "aborted", "active_hash": "new"}, ROUTED, {"stage": "aborted", "weight": 100}),
        ({"stage": "done", "active_hash": "new"}, ROUTED, {"stage": "done", "active_hash": ""}),
        ({"stage": "stepping", "step": 1, "weight": 500}, ROUTED, {"weight": 25}),
        (
            {"stage": "stepping", "lacking_since": 99.0, "step_since": 99.0},
            ROUTED,
            {"lacking_since": 9.0, "step_since": 9.0},
        ),
        (
            {"stage": "stepping", "holds": (Hold(reason="order", since=99.0),)},
            ROUTED,
            {"holds": (Hold(reason="order", since=9.0),)},
        ),
    ],
)
def test_what_was_begun_otherwise(
    before: dict[str, Any], strategy: dict[str, Any], after: dict[str, Any]
) -> None:
    way = adapted(_state(Delivery(**before)), _recipe(strategy), SIGHT, 9.0).delivery
    assert {field: getattr(way, field) for field in after} == after


def test_what_fits_stays_the_same_object() -> None:
    recipe = _recipe(ROUTED)
    state = _state(Delivery(stage="stepping", weight=25, step_since=1.0, steps_hash=recipe.steps_hash))
    assert adapted(state, recipe, SIGHT, 9.0) is state
