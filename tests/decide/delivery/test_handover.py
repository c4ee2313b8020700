"""workloadRef: a Deployment's own pods go as the Rollout that takes its template has some."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.action import StartPod
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from tests.decide.builders import deployment, desired, rollout
from tests.decide.delivery.course import fleet_of, web
from tests.laws.world import World

FLEET = fleet_of()
GIVEN = deployment("given", replicas=2)
TAKER = Key("Rollout", "default", "taker")
CAREFUL = {"canary": {"maxSurge": 0, "maxUnavailable": 1, "steps": [{"setWeight": 50}, {"pause": {}}]}}


def taken(
    scale_down: str, image: str = "web:v1", strategy: dict[str, Any] | None = None, **spec: Any
) -> Desired:
    ref = {"name": "given", "scaleDown": scale_down}
    taker = rollout(strategy or {"canary": {}}, "taker", image, 2, workloadRef=ref, **spec)
    given = deployment("given", image, 2)
    return desired(given, taker, of=FLEET, revision="b" * 40)


def pods(world: World) -> Counter[str]:
    return Counter(p.record.owner.name for p in world.observe().pods() if not p.terminating)


@pytest.mark.parametrize(
    ("scale_down", "left"),
    [("onsuccess", {"taker": 2}), ("progressively", {"taker": 2}), ("never", {"given": 2, "taker": 2})],
)
def test_a_deployment_that_had_settled_hands_over(scale_down: str, left: dict[str, int]) -> None:
    world = World(desired(GIVEN, of=FLEET))
    world.run()
    world.commit(taken(scale_down))
    world.run()
    assert world.plan.standing == "converged"
    assert pods(world) == left


@pytest.mark.parametrize("scale_down", ["onsuccess", "progressively"])
def test_it_comes_back_when_the_rollout_goes(scale_down: str) -> None:
    world = World(desired(GIVEN, of=FLEET))
    world.run()
    world.commit(taken(scale_down))
    world.run()
    world.commit(desired(GIVEN, of=FLEET, revision="c" * 40))
    world.run()
    assert pods(world) == {"given": 2}


@pytest.mark.parametrize("scale_down", ["onsuccess", "progressively"])
def test_no_pod_comes_back_for_a_version_that_is_still_being_judged(scale_down: str) -> None:
    world = World(taken(scale_down))
    world.run()
    world.fleet.log.clear()
    world.commit(taken(scale_down, "web:v2", strategy=CAREFUL))
    world.run()
    assert world.progress.rollouts[TAKER].phase == "paused"
    assert pods(world) == {"taker": 2}
    assert not [a for a in world.fleet.log if isinstance(a, StartPod) and a.owner == GIVEN.key]


def test_one_goes_for_each_that_is_available_not_for_each_that_is_ready() -> None:
    world = World(desired(GIVEN, of=FLEET))
    world.run()
    world.commit(taken("progressively", minReadySeconds=60))
    for _ in range(5):
        world.turn()
        world.now += 1
    assert pods(world) == {"given": 2, "taker": 2}
    world.run()
    assert pods(world) == {"taker": 2}


@pytest.mark.parametrize(
    "strategy",
    [
        {"blueGreen": {"activeService": "web"}},
        {"canary": {"stableService": "web", "canaryService": "web-canary", "trafficRouting": {}}},
        {"canary": {"stableService": "web-stable", "canaryService": "web", "trafficRouting": {}}},
    ],
)
def test_the_deployments_pods_serve_until_the_rollout_has_promoted_its_own(strategy: dict[str, Any]) -> None:
    """Also where the Service leads to the Rollout's pods only."""
    given = deployment("web", replicas=2)
    services = tuple(web(name) for name in ("web", "web-canary", "web-stable"))
    world = World(desired(given, of=FLEET, services=services), Behaviour(ready_seconds=5.0))
    world.run()
    ref = {"name": "web", "scaleDown": "onsuccess"}
    taker = rollout(strategy, "web", replicas=2, workloadRef=ref)
    world.commit(desired(given, taker, of=FLEET, services=services, revision="b" * 40))
    for _ in range(3):
        world.turn()
        world.now += 1
    assert served(world) == {"Deployment": 2}
    world.now += 1
    while world.progress.rollouts[taker.key].stable_hash == "":
        assert served(world)["Deployment"] == 2, "one pod alone can't carry what two did"
        world.turn()
        world.now += 1
    world.run()
    assert served(world) == {"Rollout": 2}


def served(world: World) -> Counter[str]:
    """Who is ready behind the Service web on the first node."""
    kinds = {p.record.name: p.record.owner.kind for p in world.observe().pods()}
    traffic = world.fleet.machines["pi-1"].traffic
    assert traffic is not None
    ends = next(s for s in traffic.services if s.name == "web").ports[0].endpoints
    return Counter(kinds[e.name] for e in ends if e.state == "ready")
