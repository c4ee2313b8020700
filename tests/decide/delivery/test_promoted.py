"""When a preview is promoted: judged first, then by time or by somebody, as the manifest says now."""

from __future__ import annotations

from typing import Any

import pytest

from tests.decide.builders import analysis_template
from tests.decide.delivery.course import Course, web

SLOW = analysis_template(
    "smoke",
    {
        "name": "good",
        "interval": "100s",
        "count": 2,
        "successCondition": "result == 1",
        "provider": {"web": {"url": "http://x"}},
    },
)
JUDGED = {"prePromotionAnalysis": {"templates": [{"templateName": "smoke"}]}}


def green(**more: Any) -> dict[str, Any]:
    return {"blueGreen": {"activeService": "web", **more}}


def course_of(**more: Any) -> Course:
    return Course(green(**more), web(), templates=(SLOW,), replicas=2)


def test_time_begins_when_it_is_judged() -> None:
    course = course_of(autoPromotionSeconds=60, **JUDGED)
    course.push("v2")
    course.wait(99)
    assert course.shares() == {"v1": 100}, "nobody knows yet whether it is any good"
    course.wait(50)
    assert course.standing == "paused: paused at preview"
    assert course.shares() == {"v1": 100}
    course.wait(12)
    assert course.shares() == {"v2": 100}


def test_what_is_judged_badly_is_not_promoted_by_time() -> None:
    course = course_of(autoPromotionSeconds=60, **JUDGED)
    course.push("v2")
    course.wait(70)
    course.measure = lambda _: "0"
    course.wait(70)
    assert course.state.phase == "failed"
    assert course.shares() == {"v1": 100}


@pytest.mark.parametrize("before", [{"autoPromotionEnabled": False}, {"autoPromotionSeconds": 600}])
def test_it_is_promoted_when_the_manifest_no_longer_asks_for_a_pause(before: dict[str, Any]) -> None:
    course = course_of(**before)
    course.push("v2")
    course.wait(5)
    course.push("v2", strategy=green())
    assert course.shares() == {"v2": 100}


def test_it_waits_for_somebody_when_the_manifest_says_so_now() -> None:
    course = course_of(autoPromotionSeconds=60)
    course.push("v2")
    course.push("v2", strategy=green(autoPromotionEnabled=False))
    assert course.standing == "paused: paused at preview until it is promoted"
    course.wait(100)
    assert course.shares() == {"v1": 100}
    course.push("v2", strategy=green(autoPromotionSeconds=60))
    assert course.shares() == {"v2": 100}, "its time is over"
