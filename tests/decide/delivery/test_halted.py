"""Halted by somebody, by Git or by doubt, a canary stays where it is: also where only its pods say where."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

STEPS: list[dict[str, Any]] = [{"setWeight": 25}, {"pause": {}}]
ROUTED = {"canaryService": "web-canary", "stableService": "web-stable", "trafficRouting": {}}
DOUBT = analysis_template(
    "smoke",
    {
        "name": "good",
        "interval": "5s",
        "successCondition": "result == 1",
        "failureCondition": "result == 0",
        "provider": {"web": {"url": "http://x"}},
    },
)
BESIDE = {"analysis": {"templates": [{"templateName": "smoke"}]}}


def slow(steps: list[dict[str, Any]], measure: str = "1", **more: Any) -> Course:
    """Eight pods, each of them ready after five seconds."""
    services = web(), web("web-canary"), web("web-stable")
    strategy = {"canary": {"steps": steps, **more}}
    course = Course(strategy, *services, templates=(DOUBT,), replicas=8, measure=lambda _: measure)
    course.fleet.behaviour = msgspec.structs.replace(course.fleet.behaviour, ready_seconds=5.0)
    return course


def stays(course: Course) -> None:
    before = course.pods()
    assert set(before) == {"v1", "v2"}
    course.wait(60)
    assert course.pods() == before
    assert course.state.phase == "paused"


@pytest.mark.parametrize("by_git", [False, True])
@pytest.mark.parametrize("steps", [[], STEPS])
def test_after_its_steps_too(steps: list[dict[str, Any]], by_git: bool) -> None:
    course = slow(steps)
    course.push("v2")
    if steps:
        course.wait(6)
        course.order("promote")
    assert course.way.stage == "finishing"
    if by_git:
        course.push("v2", paused=True)
    else:
        course.order("pause")
    stays(course)
    if by_git:
        course.push("v2")
    else:
        course.order("resume")
    course.wait(30)
    assert course.standing == "converged"


def test_what_git_pauses_before_it_begins_starts_no_pod() -> None:
    course = slow(STEPS)
    course.push("v2", paused=True)
    course.wait(60)
    assert course.pods() == {"v1": 8}


def test_it_keeps_the_pods_that_its_traffic_needs() -> None:
    """Also when a node takes them away."""
    course = slow(STEPS)
    course.push("v2")
    course.wait(6)
    course.order("pause")
    for machine in course.fleet.machines.values():
        for pod in list(machine.pods.values()):
            if pod.record.spec.containers[0].image == "web:v2":
                del machine.pods[pod.record.key]
    course.wait(10)
    assert course.pods() == {"v1": 6, "v2": 2}


def test_with_other_replicas_it_is_scaled_all_the_same() -> None:
    course = slow([])
    course.push("v2")
    course.order("pause")
    course.push("v2", replicas=4)
    course.wait(10)
    assert sum(course.pods().values()) in (4, 5)


@pytest.mark.parametrize("strategy", [{}, ROUTED])
def test_doubt_halts_an_update_that_has_no_step_left(strategy: dict[str, Any]) -> None:
    course = slow([], measure="2", **BESIDE, **strategy)
    course.push("v2")
    assert "couldn't tell" in course.standing
    stays(course)
    course.measure = lambda _: "1"
    course.order("promote")
    course.wait(60)
    assert course.standing == "converged"
