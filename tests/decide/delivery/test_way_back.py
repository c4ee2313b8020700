"""Which versions are a way back, that needs no steps: those that were stable before the stable one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.decide.delivery.course import Course, web

ROUTED: dict[str, Any] = {
    "canary": {
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": {},
        "steps": [{"setWeight": 25}, {"pause": {}}],
    }
}
GREEN: dict[str, Any] = {
    "blueGreen": {"activeService": "web", "autoPromotionEnabled": False, "scaleDownDelaySeconds": 300}
}
AT_ITS_FIRST_STEP = "paused: paused at step 2 until it is promoted"


def windowed(revisions: int = 1, **spec: Any) -> Course:
    services = web(), web("web-canary"), web("web-stable")
    return Course(ROUTED, *services, rollbackWindow={"revisions": revisions}, **spec)


def promoted(course: Course, image: str) -> None:
    course.push(image)
    course.order("promote-full")
    course.wait(40)
    assert course.standing == "converged"


def aborted(course: Course, image: str) -> None:
    course.push(image)
    course.order("abort")


@pytest.mark.parametrize(
    ("revisions", "wanted", "fast"), [(1, "v2", True), (1, "v1", False), (2, "v1", True)]
)
def test_the_window_is_about_versions_that_were_stable(revisions: int, wanted: str, fast: bool) -> None:
    course = windowed(revisions)
    promoted(course, "v2")
    promoted(course, "v3")
    course.push(wanted)
    assert course.shares() == ({wanted: 100} if fast else {wanted: 25, "v3": 75})


def test_a_version_that_was_aborted_is_no_way_back() -> None:
    course = windowed()
    aborted(course, "v2")
    course.push("v1")
    course.wait(40)
    course.push("v2")
    assert course.standing == AT_ITS_FIRST_STEP
    aborted(course, "v3")
    course.push("v2")
    assert course.standing == AT_ITS_FIRST_STEP


def test_versions_that_were_not_promoted_do_not_count() -> None:
    course = windowed()
    promoted(course, "v2")
    aborted(course, "v3")
    course.push("v4")
    course.push("v1")
    assert course.shares() == {"v1": 100}


def test_what_was_gone_back_from_goes_through_its_steps() -> None:
    course = windowed()
    promoted(course, "v2")
    course.push("v1")
    course.wait(40)
    course.push("v2")
    assert course.standing == AT_ITS_FIRST_STEP


@pytest.mark.parametrize("limit", [0, 10])
def test_the_revert_of_a_revert_is_no_way_back(limit: int) -> None:
    """As Git before 2.43 words it; what was taken back at all of the traffic is tried with care."""
    course = Course(ROUTED, web(), web("web-canary"), web("web-stable"), revisionHistoryLimit=limit)
    promoted(course, "v2")
    course.push("v1", subject='Revert "Update"')
    assert course.shares() == {"v1": 100}
    course.wait(40)
    course.push("v2", subject='Revert "Revert "Update""')
    assert course.standing == AT_ITS_FIRST_STEP


def test_an_old_version_that_was_tried_again_can_be_reverted() -> None:
    course = windowed(0)
    promoted(course, "v2")
    promoted(course, "v1")
    course.push("v2", subject='Revert "Update"')
    assert course.shares() == {"v2": 100}


def test_a_warm_set_that_was_gone_back_from_is_asked_for_again() -> None:
    course = Course(GREEN, web(), replicas=2)
    course.push("v2")
    course.order("promote")
    course.push("v1")
    assert course.shares() == {"v1": 100}
    course.push("v2")
    assert course.standing == "paused: paused at preview until it is promoted"
    assert course.shares() == {"v1": 100}


@pytest.mark.parametrize("limit", [0, 1])
def test_a_short_history_still_knows_what_is_warm(limit: int) -> None:
    course = Course(GREEN, web(), replicas=2, revisionHistoryLimit=limit)
    course.push("v2")
    course.order("promote")
    for image in ("v3", "v4"):
        aborted(course, image)
    course.push("v1")
    assert course.shares() == {"v1": 100}
