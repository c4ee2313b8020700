"""progressDeadlineSeconds: a step's own pods have that long, whatever else has lacked pods before."""

from __future__ import annotations

import msgspec

from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

METRIC = {"name": "good", "count": 3, "interval": "40s", "successCondition": "result == 1"}
METRIC |= {"provider": {"web": {"url": "http://metrics.lan/", "jsonPath": "{$.value}"}}}


def test_a_broken_stable_version_leaves_the_next_one_its_time() -> None:
    """Its pods lack all along; the analysis takes longer than the deadline, and then new pods start."""
    steps = [{"setWeight": 0}, {"analysis": {"templates": [{"templateName": "smoke"}]}}]
    course = Course(
        {"canary": {"steps": steps}},
        web(),
        templates=(analysis_template("smoke", METRIC),),
        replicas=2,
        progressDeadlineSeconds=60,
        progressDeadlineAbort=True,
    )
    pace = course.fleet.behaviour
    course.fleet.behaviour = msgspec.structs.replace(pace, crashing=frozenset({"web:v1"}), start_seconds=10.0)
    for pod in course.observe().pods():
        course.fleet.kill_container(pod.node, pod.key, "app", course.now)
    course.push("v2")
    course.wait(70)
    assert course.standing.startswith("failed: no progress for 1m"), "it is said"
    course.wait(60)
    assert (course.pods(), course.standing) == ({"v2": 2}, "converged")


def test_new_pods_that_dont_come_up_have_no_more_than_that() -> None:
    steps = [{"setWeight": 50}, {"pause": {"duration": 1}}]
    course = Course(
        {"canary": {"steps": steps}},
        web(),
        replicas=2,
        progressDeadlineSeconds=60,
        progressDeadlineAbort=True,
    )
    course.fleet.behaviour = msgspec.structs.replace(
        course.fleet.behaviour, never_ready=frozenset({"web:v2"})
    )
    course.push("v2")
    course.wait(55)
    assert course.way.stage == "stepping"
    course.wait(10)
    assert course.way.stage == "aborted"
