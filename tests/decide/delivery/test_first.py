"""Before anything was promoted there is nothing to be careful of: whoever is ready serves."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.simulation.simulated_pod import Behaviour
from tests.decide.delivery.course import Course, web

STRATEGIES: list[dict[str, Any]] = [
    {"blueGreen": {"activeService": "web"}},
    {"canary": {"stableService": "web", "canaryService": "web-canary", "trafficRouting": {}}},
    {"canary": {"stableService": "web-stable", "canaryService": "web", "trafficRouting": {}}},
]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_first_version_comes_beside_the_one_that_serves(strategy: dict[str, Any]) -> None:
    course = Course(strategy, *(web(name) for name in ("web", "web-canary", "web-stable")), replicas=2)
    pod = next(iter(course.observe().pods()))
    course.restart(lost=True)
    course.fleet.kill_container(pod.node, pod.key, "app", course.now)
    course.turn()
    assert course.way.stage == "first", "nobody remembers that it was promoted"
    course.order("pause")
    course.wait(30)
    course.fleet.behaviour = Behaviour(ready_seconds=5.0)
    course.commit(course.version("v2"))
    seen = []
    for _ in range(30):
        course.turn()
        course.now += 1
        seen.append(set(course.shares()))
    assert set() not in seen, "somebody always serves"
    assert (seen[0], seen[-1]) == ({"v1"}, {"v2"})
