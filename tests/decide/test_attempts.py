"""Pods that couldn't be started."""

from __future__ import annotations

import pytest

from reconciler.decide import decide
from reconciler.decide.attempts import after_failure, after_success, pause, pending_pods
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.action import StartPod
from reconciler.model.progress import Progress
from tests.decide.builders import deployment, desired, fleet
from tests.laws.world import World


def first_start() -> StartPod:
    wanted = desired(deployment(replicas=1))
    plan = decide(wanted, SimulatedFleet(wanted.fleet).observe(0.0), Progress(), 0.0)
    return next(s.action for s in plan.steps if isinstance(s.action, StartPod))


def test_a_failure_is_tried_again_later_and_later() -> None:
    action, progress, waits = first_start(), Progress(), []
    for _ in range(7):
        progress = after_failure(progress, action, "ErrImagePull", "manifest unknown", 100.0)
        waits.append(progress.attempts[action.key].retry_at - 100.0)
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert after_success(progress, action.key).attempts == {}


def test_what_passes_by_itself_is_tried_soon() -> None:
    assert [pause("Conflict", n) for n in (1, 2, 3, 4, 5)] == [0.5, 1.0, 1.5, 10.0, 20.0]


def test_people_see_a_pending_pod() -> None:
    action = first_start()
    once = after_failure(Progress(), action, "ErrImagePull", "manifest unknown", 100.0)
    again = after_failure(once, action, "ErrImagePull", "manifest unknown", 110.0)
    (seen,), (later,) = pending_pods(once), pending_pods(again)
    assert (seen.phase, seen.reason, seen.message) == ("Pending", "ErrImagePull", "manifest unknown")
    assert (later.reason, later.created_at) == ("ImagePullBackOff", 100.0)


def test_an_attempt_keeps_its_place_and_is_retried_on_time() -> None:
    world = World(desired(deployment(replicas=1)), Behaviour(missing=frozenset({"web:v1"})))
    world.turn()
    world.now += 5
    plan = world.turn()
    assert not plan.steps
    assert "wait for pod web-" in str(plan)
    assert plan.wake_at == world.now + 5
    world.now += 5
    (step,) = world.turn().steps
    assert "try 2 after ErrImagePull: web:v1: manifest unknown" in str(step)


def test_a_clock_that_is_set_back_holds_no_try_up() -> None:
    world = World(desired(deployment(replicas=1)), Behaviour(missing=frozenset({"web:v1"})))
    world.turn()
    world.skew = -86_400.0
    (step,) = world.turn().steps
    assert "try 2 after ErrImagePull" in str(step)


def test_an_image_without_a_build_goes_to_another_architecture() -> None:
    import msgspec

    from reconciler.engine.simulation.simulated import FACTS

    of = fleet("pi-1", "pi-2")
    wanted = desired(deployment(replicas=1), of=of)
    world = World(wanted)
    world.fleet = SimulatedFleet(
        of,
        Behaviour(builds={"web:v1": ("arm64",)}),
        facts={"pi-2": msgspec.structs.replace(FACTS, architecture="arm64")},
    )
    assert world.run().standing == "converged"
    (pod,) = world.observe().pods()
    assert pod.node == "pi-2"
    (rollout,) = world.progress.rollouts.values()
    assert rollout.refused_architectures == ("amd64",)


def test_a_lost_node_loses_the_attempt() -> None:
    world = World(desired(deployment(replicas=1)), Behaviour(missing=frozenset({"web:v1"})))
    world.turn()
    (attempt,) = world.progress.attempts.values()
    world.fleet.lose(attempt.record.node, world.now)
    world.now += 60
    world.turn()
    world.now += 1
    world.turn()
    assert attempt.record.node not in {a.record.node for a in world.progress.attempts.values()}


@pytest.mark.parametrize(("tolerated", "after"), [(None, 0), (30, 60)])
def test_so_does_one_that_evicts_its_pods(tolerated: int | None, after: int) -> None:
    """At once, or when the seconds are over for which that is tolerated."""
    seconds = {} if tolerated is None else {"tolerationSeconds": tolerated}
    pod = {"tolerations": [{"key": "fire", "effect": "NoExecute"} | seconds]} if seconds else {}
    wanted = deployment(replicas=1, pod=pod)
    world = World(desired(wanted), Behaviour(missing=frozenset({"web:v1"})))
    world.turn()
    (attempt,) = world.progress.attempts.values()
    home = attempt.record.node
    taints = [{"key": "fire", "effect": "NoExecute"}]
    nodes = [{"name": n, "taints": taints} if n == home else n for n in ("pi-1", "pi-2", "pi-3")]
    world.commit(desired(wanted, of=fleet(*nodes)))  # type: ignore[arg-type]  # a test's shorthand
    for later in (after, 11):
        world.now += later
        world.turn()
    assert {a.record.node == home for a in world.progress.attempts.values()} == {False}
