"""replicaProgressThreshold: how many available pods are enough for a step, and for a promotion."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.decide.delivery.course import Course, web

HALF = {"type": "Percent", "value": 50}
ROUTED = {"canaryService": "web-canary", "stableService": "web-stable", "trafficRouting": {}}
STEPS: list[dict[str, Any]] = [{"setWeight": 50}, {"pause": {}}]


def with_two_pods_that_never_are_ready(**more: Any) -> Course:
    """Two others of the canary are, and it is promoted past its steps."""
    services = web(), web("web-canary"), web("web-stable")
    course = Course({"canary": {"steps": STEPS, **more}}, *services)
    course.push("v2")
    behaviour = msgspec.structs.replace(course.fleet.behaviour, never_ready=frozenset({"web:v2"}))
    course.fleet.behaviour = behaviour
    course.order("promote")
    course.wait(60)
    return course


@pytest.mark.parametrize("threshold", [HALF, {"type": "Pods", "value": 2}])
@pytest.mark.parametrize("strategy", [ROUTED, {"maxUnavailable": "50%"}])
def test_enough_of_them_are_promoted(strategy: dict[str, Any], threshold: dict[str, Any]) -> None:
    course = with_two_pods_that_never_are_ready(**strategy, replicaProgressThreshold=threshold)
    assert course.state.stable_hash == course.state.template_hash, course.standing
    assert course.shares() == {"v2": 100}


@pytest.mark.parametrize("strategy", [ROUTED, {}])
@pytest.mark.parametrize("threshold", [None, {"type": "Percent", "value": 75}])
def test_fewer_are_not(strategy: dict[str, Any], threshold: dict[str, Any] | None) -> None:
    course = with_two_pods_that_never_are_ready(**strategy, replicaProgressThreshold=threshold)
    assert course.way.stage == "finishing"
    assert course.state.stable_hash != course.state.template_hash


def test_nobody_is_never_enough() -> None:
    services = web(), web("web-canary"), web("web-stable")
    nothing = {"type": "Percent", "value": 0}
    course = Course({"canary": {"steps": [], "replicaProgressThreshold": nothing, **ROUTED}}, *services)
    behaviour = msgspec.structs.replace(course.fleet.behaviour, never_ready=frozenset({"web:v2"}))
    course.fleet.behaviour = behaviour
    course.push("v2")
    assert course.shares() == {"v1": 100}
    assert course.state.stable_hash != course.state.template_hash
