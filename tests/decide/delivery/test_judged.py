"""Deliveries that judge for themselves: analyses as steps and in the background."""

from __future__ import annotations

from typing import Any

from reconciler.model.plan import Measure
from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

WEB = {"web": {"url": "http://x"}}
ONCE = {"name": "good", "successCondition": "result == 1", "failureCondition": "result == 0", "provider": WEB}
ALWAYS = {**ONCE, "interval": "10s", "failureLimit": 1}
ANALYSIS = {"templates": [{"templateName": "smoke"}]}


class Values:
    """What is measured from now on."""

    def __init__(self) -> None:
        self.now = "1"
        self.asked: list[Measure] = []

    def __call__(self, measure: Measure) -> str:
        self.asked.append(measure)
        return self.now


def course_of(canary: dict[str, Any], metric: dict[str, Any], values: Values) -> Course:
    template = analysis_template("smoke", metric)
    return Course({"canary": canary}, web(), templates=(template,), measure=values)


def as_step(values: Values) -> Course:
    steps = [{"setWeight": 25}, {"analysis": ANALYSIS}, {"setWeight": 50}, {"pause": {}}]
    return course_of({"steps": steps}, ONCE, values)


def in_background(values: Values, **more: Any) -> Course:
    steps = [{"setWeight": 25}, {"pause": {"duration": 300}}, {"setWeight": 50}, {"pause": {"duration": 300}}]
    return course_of({"steps": steps, "analysis": {**ANALYSIS, **more}}, ALWAYS, values)


def test_a_good_step_goes_on() -> None:
    values = Values()
    course = as_step(values)
    assert values.asked == [], "a first version isn't judged"
    course.push("v2")
    assert course.shares() == {"v1": 50, "v2": 50}
    (asked,) = values.asked
    assert len(asked.canary) == 1
    assert len(asked.stable) == 3
    assert asked.services == ("web",)


def test_a_bad_step_aborts_with_the_reason() -> None:
    values = Values()
    course = as_step(values)
    values.now = "0"
    course.push("v2")
    assert course.shares() == {"v1": 100}
    assert course.standing.startswith("failed: web-")
    assert "good" in course.standing


def test_a_step_that_cannot_tell_waits_for_somebody() -> None:
    values = Values()
    course = as_step(values)
    values.now = "2"
    course.push("v2")
    assert course.state.phase == "paused"
    assert "couldn't tell" in course.standing
    course.order("promote")
    assert course.shares() == {"v1": 50, "v2": 50}


def test_the_background_aborts_within_interval_times_limit() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    assert course.shares() == {"v1": 75, "v2": 25}
    course.wait(30)
    values.now = "0"
    course.wait(21)
    assert course.shares() == {"v1": 100}
    assert course.state.phase == "failed"


def test_the_background_ends_with_the_update() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    course.wait(650)
    assert course.standing == "converged"
    asked = len(values.asked)
    assert asked > 10
    course.wait(100)
    assert len(values.asked) == asked
    assert {run.phase for run in course.progress.runs.values()} == {"Successful"}


def test_a_background_that_cannot_tell_waits_for_somebody_and_begins_anew() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    values.now = "2"
    course.wait(11)
    assert (course.state.phase, course.way.step) == ("paused", 1)
    assert "couldn't tell" in course.standing
    course.wait(400)
    assert course.way.step == 1, "the pause is over, the doubt isn't"
    values.now = "1"
    course.order("promote")
    course.wait(400)
    assert course.standing == "converged"


def test_a_background_that_cannot_tell_during_an_analysis_step_holds_it_there() -> None:
    """Argo Rollouts' rollout-background-invalid-job.yaml."""
    values = Values()
    steps = [{"setWeight": 25}, {"analysis": {"templates": [{"templateName": "long"}]}}, {"pause": {}}]
    long = analysis_template("long", {**ONCE, "initialDelay": "1h"})
    course = Course(
        {"canary": {"steps": steps, "analysis": ANALYSIS}},
        web(),
        templates=(analysis_template("smoke", ALWAYS), long),
        measure=values,
    )
    course.push("v2")
    assert (course.state.phase, course.way.step) == ("progressing", 1)
    values.now = "2"
    course.wait(11)
    assert (course.state.phase, course.way.step) == ("paused", 1)
    values.now = "1"
    course.order("promote")
    assert (course.way.step, [h.reason for h in course.way.holds]) == (2, ["step"])


def test_what_the_proxies_count_is_asked_once_there_is_a_pod_to_count_for() -> None:
    """Otherwise the first look would find no pod, couldn't tell, and pause every update at its beginning."""
    values = Values()
    steps = [{"setWeight": 25}, {"pause": {"duration": 300}}]
    counted = {**ALWAYS, "provider": {"haproxy": {}}}
    course = course_of({"steps": steps, "analysis": ANALYSIS}, counted, values)
    ready: list[int] = []

    def count(measure: Measure) -> str:
        pods = {p.record.name: p for p in course.observe().by_owner[course.key]}
        ready.append(sum(pods[name].ready for name in measure.canary))
        return values(measure)

    course.measure = count
    course.push("v2")
    course.wait(30)
    assert len(ready) == 4
    assert all(ready), "no look before a pod is ready"


def test_the_background_begins_at_its_step() -> None:
    values = Values()
    course = in_background(values, startingStep=2)
    course.push("v2")
    course.wait(200)
    assert values.asked == []
    course.wait(150)
    assert values.asked


def test_promoted_in_full_nothing_is_judged_any_more() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    values.now = "0"
    course.order("promote-full")
    course.wait(100)
    assert course.standing == "converged"


def test_a_judgement_goes_on_while_somebody_has_paused() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    course.order("pause")
    values.now = "0"
    course.wait(60)
    assert course.state.phase == "failed"


def test_a_retry_is_judged_anew() -> None:
    values = Values()
    course = as_step(values)
    values.now = "0"
    course.push("v2")
    values.now = "1"
    course.order("retry")
    assert course.shares() == {"v1": 50, "v2": 50}
    assert len(course.progress.runs) == 2


def test_a_killed_reconciler_goes_on_where_it_was() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    course.wait(100)
    taken = len(values.asked)
    course.restart(lost=False)
    course.settle()
    assert len(values.asked) <= taken + 1
    course.wait(600)
    assert course.standing == "converged"


def test_memory_that_is_lost_judges_nothing_until_somebody_says_so() -> None:
    values = Values()
    course = in_background(values)
    course.push("v2")
    values.now = "0"
    course.forget()
    course.wait(100)
    assert course.state.phase == "paused"
    assert course.shares() == {"v1": 75, "v2": 25}
    course.order("resume")
    course.wait(40)
    assert course.state.phase == "failed"


def test_a_job_that_finds_no_place_blocks_the_delivery_and_says_so() -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "job:v1"}]}
    job = {"spec": {"template": {"spec": {**pod, "nodeSelector": {"disk": "fast"}}}}}
    steps = [{"setWeight": 25}, {"analysis": ANALYSIS}]
    course = course_of({"steps": steps}, {"name": "good", "provider": {"job": job}}, Values())
    version = course.push("v2")
    assert course.shares() == {"v1": 75, "v2": 25}
    assert course.standing.startswith(
        f"blocked: pod web-{version}-2-1-good-0-0 of an analysis has no place: "
    )
