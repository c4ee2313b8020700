"""A version that a service leads to no more: it gets nothing new, and what it is answering goes on. It serves
again where nobody else can.
"""

from __future__ import annotations

from typing import Any

from reconciler.engine.rendering import change
from reconciler.model.action import Publish, StopPod
from reconciler.model.traffic import NodeTraffic
from tests.decide.delivery.course import Course, web

CANARY: dict[str, Any] = {
    "canary": {
        "canaryService": "web-canary",
        "stableService": "web-stable",
        "trafficRouting": {},
        "steps": [{"setWeight": 25}, {"pause": {}}],
    }
}
GREEN: dict[str, Any] = {
    "blueGreen": {"activeService": "web", "previewService": "web-preview", "autoPromotionEnabled": False}
}


class Watched(Course):
    """Notes what the first node's proxy cuts of pods that nobody has begun to stop."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.cut: list[str] = []
        super().__init__(*args, **more)
        stopped: set[str] = set()
        perform = self.fleet.perform

        def watched(action: Any, now: float) -> None:
            if isinstance(action, StopPod):
                stopped.add(action.pod)
            if isinstance(action, Publish) and action.node == "pi-1":
                self.cut += _cut(self.fleet.machines["pi-1"].traffic, action.traffic, stopped)
            perform(action, now)

        self.fleet.perform = watched  # type: ignore[method-assign]


def _cut(before: NodeTraffic | None, after: NodeTraffic, stopped: set[str]) -> list[str]:
    cut = [c.split()[-1] for c in change(before, after).commands if c.startswith("shutdown")]
    return [server for server in cut if server.partition("/")[2].split("_")[0] not in stopped]


def test_a_canary_cuts_nothing_that_its_own_services_led_to_another_version() -> None:
    course = Watched(CANARY, web(), web("web-canary"), web("web-stable"))
    course.push("v2")
    assert course.shares("web-canary") == {"v2": 100}
    course.order("promote")
    course.wait(1)
    assert course.shares("web-stable") == course.shares("web-canary") == {"v2": 100}
    assert course.pods() == {"v1": 4, "v2": 4}, "the old set is warm"
    course.wait(60)
    assert course.pods() == {"v2": 4}
    assert course.cut == []
    assert {e.name for e in course.routed("web-stable").ports[0].endpoints} == course.tags().keys()


def test_the_stable_version_serves_again_with_all_it_had() -> None:
    course = Watched(CANARY, web(), web("web-canary"), web("web-stable"))
    course.push("v2")
    course.order("abort")
    course.wait(1)
    assert course.shares("web-canary") == {"v1": 100}
    assert {e.weight for e in course.routed("web-canary").ports[0].endpoints if e.state == "ready"} == {100}
    assert course.cut == []


def test_a_blue_green_cuts_no_set_that_a_newer_version_pushes_out_of_its_slot() -> None:
    course = Watched(GREEN, web(), web("web-preview"))
    for version in ("v2", "v3", "v4"):
        course.push(version)
        course.order("promote")
        course.wait(1)
        assert course.shares() == course.shares("web-preview") == {version: 100}
    course.wait(60)
    assert course.pods() == {"v4": 4}
    assert course.cut == []


def test_who_parts_is_no_version_that_stands_by() -> None:
    """Also for a reconciler that remembers nothing."""
    course = Watched(GREEN, web(), web("web-preview"))
    course.push("v2")
    course.order("promote")
    course.push("v3")
    course.forget()
    assert course.shares() == {"v2": 100}
    assert course.cut == []


def test_where_all_of_the_canary_is_down_the_stable_version_serves() -> None:
    steps = [{"setWeight": 100}, {"pause": {}}]
    named = {"canaryService": "new", "stableService": "old", "trafficRouting": {}}
    course = Course({"canary": {"steps": steps, **named}}, web(), web("new"), web("old"), replicas=2)
    new = course.push("v2")
    assert course.shares() == {"v2": 100}
    for pod in course.observe().pods():
        if pod.record.template_hash == new:
            course.fleet.kill_container(pod.node, pod.key, "app", course.now)
    course.turn()
    assert course.shares() == {"v1": 100}
    course.wait(5)
    assert course.shares() == {"v2": 100}
