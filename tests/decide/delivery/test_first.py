"""Before anything was promoted there is nothing to be careful of: whoever is ready serves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.desired import Desired
from tests.decide.builders import desired, rollout
from tests.decide.delivery.course import Course, fleet_of, web
from tests.laws.world import World

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


@pytest.mark.parametrize("strategy", [{"canary": {}}, *STRATEGIES])
def test_pods_that_are_not_ready_for_long_enough_serve_until_others_do(strategy: dict[str, Any]) -> None:
    names = ("web", "web-canary", "web-stable")
    common: dict[str, Any] = {"of": fleet_of(), "services": tuple(web(name) for name in names)}

    def version(image: str) -> Desired:
        return desired(rollout(strategy, "web", image, 2, minReadySeconds=60), revision=image * 8, **common)

    world = World(version("web:v1"), Behaviour(ready_seconds=5.0))
    for _ in range(10):
        world.turn()
        world.now += 1
    assert ready(world) == {"web:v1": 2}
    world.commit(version("web:v2"))
    for _ in range(200):
        world.turn()
        world.now += 1
        assert ready(world).total() >= 2
    assert ready(world) == {"web:v2": 2}


def ready(world: World) -> Counter[str]:
    pods = [p for p in world.observe().pods() if p.ready and not p.terminating]
    return Counter(p.record.spec.containers[0].image for p in pods)
