"""A canary's steps are changed while it goes through them: a step's number says nothing of the new ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

PAUSE: dict[str, Any] = {"pause": {}}
STEPS: list[dict[str, Any]] = [{"setWeight": 25}, PAUSE, {"setWeight": 50}, PAUSE]
SMOKE = analysis_template(
    "smoke",
    {"name": "good", "successCondition": "result == 1", "provider": {"web": {"url": "http://x"}}},
)
JUDGE = {"analysis": {"templates": [{"templateName": "smoke"}]}}


def by(steps: list[dict[str, Any]], *, routed: bool = True) -> dict[str, Any]:
    services = {"canaryService": "web-canary", "stableService": "web-stable"}
    return {"canary": {"steps": steps, **services, **({"trafficRouting": {}} if routed else {})}}


def course_of(steps: list[dict[str, Any]], *, routed: bool = True) -> Course:
    services = web(), web("web-canary"), web("web-stable")
    return Course(by(steps, routed=routed), *services, templates=(SMOKE,))


@pytest.mark.parametrize("routed", [True, False])
def test_it_begins_at_the_first_of_the_new_steps(routed: bool) -> None:
    course = course_of(STEPS, routed=routed)
    course.push("v2")
    course.order("promote")
    assert course.shares() == {"v1": 50, "v2": 50}
    course.push("v2", strategy=by([{"setWeight": 5}, PAUSE, *STEPS], routed=routed))
    assert course.standing == "paused: paused at step 2 until it is promoted"
    assert course.shares() == {"v1": 95, "v2": 5}


@pytest.mark.parametrize("routed", [True, False])
def test_a_pause_that_is_no_longer_there_holds_nothing(routed: bool) -> None:
    course = course_of(STEPS, routed=routed)
    course.push("v2")
    course.push("v2", strategy=by([], routed=routed))
    course.wait(40)
    assert course.standing == "converged"
    assert course.pods() == {"v2": 4}


def test_what_was_scaled_and_routed_by_the_old_steps_ends() -> None:
    match = [{"headerName": "x-beta", "headerValue": {"exact": "yes"}}]
    old = [{"setCanaryScale": {"replicas": 3}}, {"setHeaderRoute": {"name": "beta", "match": match}}, PAUSE]
    strategy = by(old)
    strategy["canary"]["trafficRouting"] = {"managedRoutes": [{"name": "beta"}]}
    course = Course(strategy, web(), web("web-canary"), web("web-stable"))
    course.push("v2")
    assert course.routed().header_routes
    course.push("v2", strategy=by(STEPS))
    assert not course.routed().header_routes
    assert course.pods() == {"v1": 4, "v2": 1}


def test_an_analysis_of_the_new_steps_is_made_anew() -> None:
    course = course_of([{"setWeight": 25}, JUDGE, PAUSE])
    course.push("v2")
    assert course.way.step == 2
    course.measure = lambda _: "0"
    course.push("v2", strategy=by([{"setWeight": 50}, JUDGE, PAUSE]))
    assert course.standing.startswith("failed: ")


def test_an_order_to_pause_holds_all_the_same() -> None:
    course = course_of(STEPS)
    course.push("v2")
    course.order("pause")
    course.push("v2", strategy=by([{"setWeight": 50}, PAUSE]))
    assert course.shares() == {"v1": 75, "v2": 25}
    course.order("resume")
    assert course.shares() == {"v1": 50, "v2": 50}


@pytest.mark.parametrize("verb", ["abort", "promote-full"])
def test_what_was_left_or_is_promoted_in_full_has_no_steps(verb: Any) -> None:
    course = course_of(STEPS)
    course.push("v2")
    course.order(verb)
    before = course.shares()
    course.push("v2", strategy=by([{"setWeight": 5}, PAUSE]))
    assert course.shares() == before


def test_where_memory_was_lost_what_is_seen_is_held() -> None:
    course = course_of(STEPS)
    course.push("v2")
    course.forget()
    course.push("v2", strategy=by([{"setWeight": 5}, PAUSE]))
    assert course.shares() == {"v1": 75, "v2": 25}
