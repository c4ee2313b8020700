"""workloadRef: a Deployment's own pods go as the Rollout that takes its template has some."""

from __future__ import annotations

from collections import Counter

import pytest

from reconciler.model.desired import Desired
from tests.decide.builders import deployment, desired, rollout
from tests.decide.delivery.course import fleet_of
from tests.laws.world import World

FLEET = fleet_of()
GIVEN = deployment("given", replicas=2)


def taken(scale_down: str) -> Desired:
    ref = {"name": "given", "scaleDown": scale_down}
    taker = rollout({"canary": {}}, "taker", replicas=2, workloadRef=ref)
    return desired(GIVEN, taker, of=FLEET, revision="b" * 40)


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
