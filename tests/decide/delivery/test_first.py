"""Before anything was promoted there is nothing to be careful of: whoever is ready serves."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.desired import Desired
from reconciler.model.rollout import RolloutStrategy
from tests.decide.builders import WEB, deployment, desired, rollout
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


def test_a_way_back_that_was_rolled_and_is_cut_short_has_a_stable_version() -> None:
    """The annotation comes back with a third version: that one is tried step by step, beside the first."""
    steps = {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}], "trafficRouting": {}}}

    def wanted(image: str, *, annotated: bool) -> Desired:
        strategies = {WEB: msgspec.convert(steps, RolloutStrategy)} if annotated else {}
        return desired(deployment("web", image, 4), of=fleet_of(), strategies=strategies, services=(web(),))

    world = World(wanted("web:v1", annotated=True))
    world.run()
    for image in ("web:v2", "web:v1"):
        world.commit(wanted(image, annotated=False))
        world.turn()
    world.commit(wanted("web:v3", annotated=True))
    world.turn()
    state = world.progress.rollouts[WEB]
    assert state.delivery is not None
    assert state.stable_hash == world.commits[0].hashes[WEB]
    assert state.delivery.stage == "stepping"
