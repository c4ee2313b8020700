"""What `reconciler plan` shows of an update that is delivered step by step."""

from __future__ import annotations

from reconciler.engine.simulation.forecast import forecast
from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

METRIC = {
    "name": "errors",
    "interval": "10s",
    "count": 3,
    "successCondition": "result.canary.errorRate <= 0.01",
    "provider": {"haproxy": {}},
}
ANALYSIS = {"templates": [{"templateName": "good"}]}
TEMPLATES = (analysis_template("good", METRIC),)


def shown(course: Course, image: str = "v2", subject: str = "Update") -> str:
    course.commit(course.version(image, subject=subject))
    found = forecast(course.desired, course.observe(), course.progress, course.now)
    assert found.standing == "converged"
    return str(found)


def canary() -> Course:
    steps = [{"setWeight": 5}, {"pause": {"duration": "10m"}}, {"analysis": ANALYSIS}, {"pause": {}}]
    strategy = {"canary": {"steps": steps, "analysis": {**ANALYSIS, "startingStep": 1}}}
    return Course(strategy, web(), templates=TEMPLATES, replicas=2)


def test_the_steps_of_a_canary_with_their_judgements() -> None:
    text = shown(canary())
    judged = "good (errors: result.canary.errorRate <= 0.01, every 10s, 3 times)"
    assert text.splitlines()[1:8] == [
        "Rollout default/web, step by step:",
        "  1. setWeight 5",
        "  2. pause 10m",
        f"  3. analysis {judged}",
        "  4. pause until promoted",
        f"  from step 2 on, beside them: {judged}",
        "  5. all pods, all of the traffic",
    ]
    assert "weights web-" in text
    assert "then, once somebody promotes Rollout default/web:" in text


def test_the_steps_of_a_blue_green() -> None:
    green = {"activeService": "web", "previewService": "web-preview", "autoPromotionSeconds": 60}
    course = Course({"blueGreen": green}, web(), web("web-preview"), replicas=2)
    text = shown(course)
    assert text.splitlines()[1:6] == [
        "Rollout default/web, step by step:",
        "  1. preview behind web-preview, 2 pods",
        "  2. pause 1m",
        "  3. web moves to it, 2 pods",
        "  4. the set of before stays warm for 30s",
    ]
    assert " is live" in text


def test_a_revert_shows_that_it_has_no_steps() -> None:
    course = canary()
    course.push("v2")
    course.order("promote-full")
    course.wait(5)
    text = shown(course, "v1", 'Revert "Update"')
    assert "no steps" in text
    assert "pause" not in text


def test_in_the_middle_the_steps_that_are_left() -> None:
    course = canary()
    course.push("v2")
    found = forecast(course.desired, course.observe(), course.progress, course.now)
    assert next(iter(found.courses.values()))[0] == "2. pause 10m"


def test_nothing_to_come_nothing_to_show() -> None:
    course = canary()
    assert forecast(course.desired, course.observe(), course.progress, course.now).courses == {}
