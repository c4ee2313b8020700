"""Canary: steps, weights, numbers of pods."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.decide.delivery.ephemeral import ephemeral
from reconciler.decide.delivery.orders import ordered
from reconciler.model.delivery import Order
from reconciler.model.service import ServicePort, ServiceSpec
from tests.decide.delivery.course import Course, web

STEPS = {
    "canary": {"steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": 60}}]}
}
ROUTED = {
    "canary": {
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": {},
        **STEPS["canary"],
    }
}


def routed(**more: object) -> Course:
    strategy = {"canary": {**ROUTED["canary"], **more}}
    return Course(strategy, web(), web("web-canary"), web("web-stable"))


def test_a_step_says_how_many_pods_it_waits_for_and_which_node_does_not_answer() -> None:
    course = Course({"canary": {"steps": [{"setWeight": 25}, {"pause": {}}, {"setWeight": 50}]}}, web())
    course.push("v2")
    course.fleet.lose("pi-1", course.now)
    order = Order(about=course.key, verb="promote", who="ada@desk", at=course.clock)
    course.progress, _ = ordered(course.progress, order, course.desired)
    course.turn()
    assert course.standing == (
        "progressing: step 3 of 3: setWeight 50; 1 of 2 pods of the canary available; pi-1 doesn't answer"
    )


def test_pods_on_a_lost_node_that_are_too_many_hold_no_step_up() -> None:
    """Nobody can stop them; the update goes on where there are nodes, long before they are given up."""
    course = Course({"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}, web())
    course.fleet.lose("pi-1", course.now)
    course.wait(50)
    course.push("v2")
    course.wait(5)
    assert course.standing.startswith("paused: paused at step 2")
    assert course.pods() == {"v1": 4, "v2": 2}, "two of v1 are lost"


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [("crashing", "; web-b381014e7e-0: CrashLoopBackOff"), ("never_ready", " of the canary available")],
)
def test_a_step_says_what_its_pods_suffer_from(behaviour: str, said: str) -> None:
    """Where there is more to say than that they aren't ready."""
    course = Course({"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}, web())
    course.fleet.behaviour = msgspec.structs.replace(
        course.fleet.behaviour, **{behaviour: frozenset({"web:v2"})}
    )
    course.push("v2")
    course.wait(20)
    before, _, after = course.standing.partition("0 of 1 pod")
    assert before == "progressing: step 1 of 2: setWeight 25; "
    assert said in after
    assert "isn't ready" not in after


def test_a_first_version_needs_no_steps() -> None:
    course = Course(STEPS, web())
    assert course.standing == "converged"
    assert course.way.stage == "done"
    assert course.shares() == {"v1": 100}


def test_it_goes_through_its_steps() -> None:
    course = Course(STEPS, web())
    course.push("v2")
    assert course.standing == "paused: paused at step 2 until it is promoted"
    assert course.pods() == {"v1": 3, "v2": 1}
    assert course.shares() == {"v1": 75, "v2": 25}
    course.order("promote")
    assert course.pods() == {"v1": 2, "v2": 2}
    assert course.shares() == {"v1": 50, "v2": 50}
    course.wait(50)
    assert course.way.step == 3
    course.wait(11)
    assert course.standing == "converged"
    assert course.pods() == {"v2": 4}


def test_weights_are_exact_with_two_pods() -> None:
    course = Course({"canary": {"steps": [{"setWeight": 1}, {"pause": {}}]}}, web(), replicas=2)
    course.push("v2")
    assert course.pods() == {"v1": 2, "v2": 1}
    assert course.shares() == {"v1": 99, "v2": 1}


def test_with_traffic_routing_the_stable_set_stays_whole() -> None:
    course = routed()
    course.push("v2")
    assert course.pods() == {"v1": 4, "v2": 1}
    assert course.shares() == {"v1": 75, "v2": 25}
    assert course.shares("web-canary") == {"v2": 100}
    assert course.shares("web-stable") == {"v1": 100}
    course.order("promote")
    assert course.pods() == {"v1": 4, "v2": 2}
    course.wait(61)
    assert course.shares() == {"v2": 100}
    assert course.pods() == {"v1": 4, "v2": 4}
    assert course.shares("web-stable") == course.shares("web-canary") == {"v2": 100}
    course.wait(31)
    assert course.pods() == {"v2": 4}
    assert course.standing == "converged"


def test_an_abort_takes_all_traffic_from_the_canary_at_once() -> None:
    course = routed()
    bad = course.push("v2")
    course.order("abort")
    assert course.shares() == {"v1": 100}
    assert course.standing == "failed: aborted by ada@desk"
    assert course.pods() == {"v1": 4, "v2": 1}
    course.wait(31)
    assert course.pods() == {"v1": 4}
    course.push("v2")
    assert course.state.template_hash == bad
    assert course.pods() == {"v1": 4}, "the same version isn't tried again"


def test_without_routing_an_abort_rolls_back() -> None:
    course = Course(STEPS, web())
    course.push("v2")
    course.order("promote")
    course.order("abort")
    assert course.pods() == {"v1": 4}
    assert course.shares() == {"v1": 100}


def test_retry_begins_again() -> None:
    course = routed()
    course.push("v2")
    course.order("abort")
    course.order("retry")
    assert course.way.step == 1
    assert course.shares() == {"v1": 75, "v2": 25}


def test_a_good_commit_wins_at_once() -> None:
    course = routed()
    course.push("v2")
    course.order("abort")
    course.push("v3")
    assert course.pods() == {"v1": 4, "v3": 1}
    assert course.shares() == {"v1": 75, "v3": 25}


def test_a_commit_in_the_middle_takes_the_canarys_place() -> None:
    course = routed()
    course.push("v2")
    course.order("promote")
    assert course.shares() == {"v1": 50, "v2": 50}
    course.push("v3")
    assert course.pods() == {"v1": 4, "v3": 1}
    assert course.shares() == {"v1": 75, "v3": 25}


def test_back_to_the_stable_version_there_are_no_steps() -> None:
    course = routed()
    course.push("v2")
    course.push("v1")
    assert course.standing == "converged"
    assert course.pods() == {"v1": 4}
    assert course.shares() == {"v1": 100}


def test_a_revert_after_promotion_skips_the_steps() -> None:
    course = routed()
    course.push("v2")
    course.order("promote-full")
    assert course.shares() == {"v2": 100}
    course.wait(40)
    course.push("v1", subject='Revert "Update"')
    assert course.shares() == {"v1": 100}
    course.wait(40)
    assert course.standing == "converged"
    assert course.pods() == {"v1": 4}


def test_without_the_word_revert_an_old_version_goes_through_its_steps() -> None:
    course = routed()
    course.push("v2")
    course.order("promote-full")
    course.wait(40)
    course.push("v1")
    assert course.shares() == {"v1": 25, "v2": 75}


def test_undo_returns_to_the_version_before() -> None:
    course = routed()
    course.push("v2")
    course.order("promote-full")
    assert course.pods() == {"v1": 4, "v2": 4}
    course.order("undo")
    assert course.shares() == {"v1": 100}
    assert course.standing == "failed: undone by ada@desk"
    course.wait(40)
    assert course.pods() == {"v1": 4}
    course.order("retry")
    assert course.shares() == {"v1": 75, "v2": 25}


def test_undo_without_a_warm_set_waits_for_its_pods() -> None:
    course = routed()
    course.push("v2")
    course.order("promote-full")
    course.wait(60)
    assert course.pods() == {"v2": 4}
    course.order("undo")
    course.wait(5)
    assert course.shares() == {"v1": 100}


def test_pause_and_resume() -> None:
    course = routed()
    course.order("pause")
    course.push("v2")
    assert course.standing == "paused: paused by ada@desk"
    assert course.way.step == 0
    course.order("resume")
    assert course.way.step == 1
    course.order("resume")
    assert course.way.step == 3


def test_dynamic_stable_scale_gives_pods_back() -> None:
    course = routed(dynamicStableScale=True)
    course.push("v2")
    assert course.pods() == {"v1": 3, "v2": 1}
    course.order("promote")
    assert course.pods() == {"v1": 2, "v2": 2}
    course.order("abort")
    course.wait(5)
    assert course.pods() == {"v1": 4}
    assert course.shares() == {"v1": 100}


def test_set_canary_scale() -> None:
    steps = [{"setCanaryScale": {"replicas": 3}}, {"pause": {}}, {"setWeight": 25}, {"pause": {}}]
    course = routed(steps=[*steps, {"setCanaryScale": {"matchTrafficWeight": True}}, {"pause": {}}])
    course.push("v2")
    assert course.pods() == {"v1": 4, "v2": 3}
    assert course.shares() == {"v1": 100}
    course.order("promote")
    assert course.pods() == {"v1": 4, "v2": 3}
    assert course.shares() == {"v1": 75, "v2": 25}
    course.order("promote")
    assert course.pods() == {"v1": 4, "v2": 1}


def test_header_routes_last_until_they_end() -> None:
    match = [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]
    steps = [
        {"setHeaderRoute": {"name": "beta", "match": match}},
        {"setCanaryScale": {"replicas": 1}},
        {"pause": {}},
        {"setHeaderRoute": {"name": "beta"}},
        {"pause": {}},
    ]
    course = routed(trafficRouting={"managedRoutes": [{"name": "beta"}]}, steps=steps)
    course.push("v2")
    (route,) = course.routed().header_routes
    assert (route.service, route.matches[0].header) == ("web-canary", "x-beta")
    course.order("promote")
    assert course.routed().header_routes == ()


def test_memory_that_is_lost_holds_what_is_seen() -> None:
    course = routed()
    course.push("v2")
    course.forget()
    assert course.standing.startswith("paused: where it stood was lost")
    assert course.shares() == {"v1": 75, "v2": 25}
    assert course.pods() == {"v1": 4, "v2": 1}
    course.wait(1000)
    assert course.shares() == {"v1": 75, "v2": 25}
    course.order("resume")
    assert course.standing == "paused: paused at step 2 until it is promoted"
    course.order("promote")
    assert course.shares() == {"v1": 50, "v2": 50}


def test_memory_that_is_lost_of_a_promoted_one() -> None:
    course = routed()
    course.forget()
    assert course.standing == "converged"
    assert course.shares() == {"v1": 100}


def test_the_canary_service_is_never_empty() -> None:
    course = routed()
    course.commit(course.version("v2"))
    course.turn()
    assert course.shares("web-canary") == {"v1": 100}
    course.settle()
    assert course.shares("web-canary") == {"v2": 100}


def test_what_pods_have_as_long_as_they_play_a_part() -> None:
    metadata = {
        "canaryMetadata": {"labels": {"role": "canary"}},
        "stableMetadata": {"labels": {"role": "stable"}},
    }
    probed = msgspec.structs.replace(
        web("web-tried"), spec=ServiceSpec(selector={"role": "canary"}, ports=(ServicePort(port=80),))
    )
    course = Course({"canary": {**STEPS["canary"], **metadata}}, web(), probed)
    course.push("v2")
    assert course.shares("web-tried") == {"v2": 100}
    given = ephemeral(course.desired, course.progress.rollouts)
    labels = {version: more.labels["role"] for (_, version), more in given.items()}
    assert labels == {course.state.template_hash: "canary", course.state.stable_hash: "stable"}
    course.order("promote-full")
    course.wait(5)
    assert course.shares("web-tried") == {}


def test_a_step_that_is_promoted_past_still_gets_its_weight() -> None:
    course = routed()
    course.commit(course.version("v2"))
    course.turn()
    assert course.way.step == 0, "its pod isn't there yet"
    course.order("promote")
    assert course.standing == "paused: paused at step 2 until it is promoted"
    assert course.shares() == {"v1": 75, "v2": 25}
