"""restartAt: older pods are replaced, a few at a time; it has converged when the last one is over."""

from __future__ import annotations

import msgspec

from reconciler.model.action import StopPod
from reconciler.model.fleet import NodeSpec
from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web
from tests.laws.world import START

FIVE_PAST = "1970-01-12T13:51:40Z"
"""300 s after the world's beginning."""


def stops(course: Course) -> list[str]:
    return [a.pod for a in course.fleet.log if isinstance(a, StopPod)]


def restarted(course: Course) -> Course:
    """The present version, now with the time of a restart."""
    course.commit(course.version("v1", restartAt=FIVE_PAST))
    course.settle()
    return course


def test_one_after_the_other_when_its_time_has_come() -> None:
    course = restarted(Course({"canary": {"maxUnavailable": 1}}, web(), replicas=3))
    first = {p.record.name for p in course.observe().pods()}
    course.wait(200)
    assert not stops(course)
    course.now += 100
    standings = []
    for _ in range(3):
        plan = course.turn()
        assert len([s for s in plan.steps if isinstance(s.action, StopPod)]) == 1
        standings.append(plan.verdicts[course.key].standing)
        course.now += 1
        course.turn()
        course.now += 1
    assert standings == ["progressing"] * 3, "it has converged only when the last one is replaced"
    course.settle()
    assert course.standing == "converged"
    assert (course.pods(), set(stops(course))) == ({"v1": 3}, first)


def test_its_time_is_by_peoples_clocks() -> None:
    """Whoever wrote it looked at one; a laptop that slept meanwhile restarts them when it wakes up."""
    course = restarted(Course({"canary": {"maxUnavailable": 1}}, web(), replicas=3))
    course.stall(250)
    plan = course.turn()
    assert not [s for s in plan.steps if isinstance(s.action, StopPod)]
    assert plan.wake_at is not None
    assert course.later(plan.wake_at) == START + 300
    course.now = START + 300
    assert [s for s in course.turn().steps if isinstance(s.action, StopPod)]


def test_it_says_that_it_waits_for_pods_that_are_missing() -> None:
    course = restarted(Course({"canary": {}}, web(), replicas=2))
    course.now += 301
    pod = next(p for p in course.observe().pods())
    course.fleet.kill_container(pod.node, pod.key, "app", course.now)
    plan = course.turn()
    assert not [s for s in plan.steps if isinstance(s.action, StopPod)]
    assert any(
        "its older pods are restarted (spec.restartAt) when all are available" in str(w) for w in plan.waits
    )


def test_a_set_that_is_kept_warm_loses_no_pod_to_it() -> None:
    green = {"activeService": "web", "scaleDownDelaySeconds": 900}
    course = Course({"blueGreen": green}, web(), replicas=2)
    course.push("v2", restartAt=FIVE_PAST)
    course.wait(400)
    assert len(stops(course)) == 2
    assert course.pods() == {"v1": 2, "v2": 2}
    course.order("undo")
    course.wait(5)
    assert course.shares() == {"v1": 100}


def test_a_version_that_becomes_active_again_is_restarted_after_the_switch() -> None:
    """Its only pod may not go in the very pass in which all traffic moves to it."""
    analysis = {"templates": [{"templateName": "smoke"}]}
    metric = {"name": "good", "count": 3, "interval": "40s", "successCondition": "result == 1"}
    metric |= {"provider": {"web": {"url": "http://metrics.lan/", "jsonPath": "{$.value}"}}}
    green = {"activeService": "web", "postPromotionAnalysis": analysis}
    templates = (analysis_template("smoke", metric),)
    course = Course({"blueGreen": green}, web(), templates=templates, replicas=1)
    course.wait(310)
    course.push("v2")
    assert (course.way.stage, course.shares()) == ("switched", {"v2": 100})
    course.commit(course.version("v1", restartAt=FIVE_PAST))
    plan = course.turn()
    assert course.way.active_hash == course.state.template_hash
    assert not [s for s in plan.steps if isinstance(s.action, StopPod)]
    course.wait(5)
    assert (course.shares(), len(stops(course))) == ({"v1": 100}, 1)


def test_where_memory_was_lost_nobody_is_restarted_until_somebody_says_how_to_go_on() -> None:
    steps = {"canary": {"maxSurge": 1, "steps": [{"setWeight": 50}, {"pause": {}}]}}
    course = Course(steps, web(), replicas=2)
    course.push("v2", restartAt=FIVE_PAST)
    course.settle()
    seen = course.pods()
    assert seen == {"v1": 1, "v2": 1}
    course.forget()
    assert course.way.held_by("forgotten")
    course.now += 400
    course.settle()
    assert (course.pods(), stops(course)[1:]) == (seen, [])
    course.order("resume")
    course.wait(5)
    assert (course.pods(), len(stops(course)[1:])) == (seen, 2)


def test_one_that_finds_no_place_blocks_what_waits_to_be_restarted() -> None:
    course = Course({"canary": {}}, web(), replicas=2)
    course.commit(course.version("v1", restartAt=FIVE_PAST, replicas=3))
    closed = {"taints": [{"key": "slow", "effect": "NoSchedule"}]}
    wanted = course.commits[-1]
    nodes = tuple(msgspec.convert(msgspec.to_builtins(n) | closed, NodeSpec) for n in wanted.fleet.spec.nodes)
    spec = msgspec.structs.replace(wanted.fleet.spec, nodes=nodes)
    course.commit(msgspec.structs.replace(wanted, fleet=msgspec.structs.replace(wanted.fleet, spec=spec)))
    course.now += 301
    course.settle()
    assert course.standing.startswith("blocked: 0/2 nodes fit")
