"""What happens when containers, pods and nodes go, and when they come back."""

from __future__ import annotations

import pytest

from tests.decide.builders import WEB, bare_pod, deployment, desired, fleet
from tests.laws.happen import assert_as_wanted, truth
from tests.laws.world import World


def running(*workloads: object, **fleet_spec: object) -> World:
    world = World(desired(*workloads, of=fleet(**fleet_spec)))  # type: ignore[arg-type]  # a test's shorthand
    assert world.run().standing == "converged"
    return world


def test_a_killed_container_is_started_again_in_the_same_pod() -> None:
    world = running(deployment())
    pod = next(iter(world.observe().pods()))
    world.fleet.kill_container(pod.node, pod.key, "app", world.now)
    (step,) = world.decide().steps
    assert str(step) == f"#1 start {pod.record.name}@{pod.node} [app]: app ended with 137"


def test_a_removed_pod_gets_a_successor() -> None:
    world = running(deployment())
    pod = next(iter(world.observe().pods()))
    world.fleet.remove_container(pod.node, pod.key, "app")
    (step,) = world.decide().steps
    assert "web wants 3 and has 2" in str(step)


def test_a_lost_nodes_pods_move_after_their_toleration_and_the_doubles_go() -> None:
    world = running(deployment())
    world.fleet.lose("pi-2", world.now)
    for later, standing in ((10, "progressing"), (40, "progressing"), (280, "progressing")):
        world.now += later
        plan = world.turn()
        assert (len(plan.steps), plan.standing) == (0, standing)
        assert plan.wake_at is not None
        assert plan.wake_at > world.now
    world.now = plan.wake_at
    (step,) = world.turn().steps
    assert "pi-2 is gone with its pods" in str(step)
    assert world.run().standing == "converged"
    assert len(truth(world)) == 4
    world.fleet.heal("pi-2")
    assert world.run().standing == "converged"
    assert_as_wanted(world)


@pytest.mark.parametrize(("seconds", "moves"), [(0, True), (30, True), (900, False)])
def test_a_pod_says_how_long_it_tolerates_a_lost_node(seconds: int, moves: bool) -> None:
    toleration = {
        "key": "node.kubernetes.io/unreachable",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": seconds,
    }
    world = running(deployment(pod={"tolerations": [toleration]}))
    world.fleet.lose("pi-2", world.now)
    world.now += 75
    assert bool(world.turn().steps) == moves


def test_a_bare_pod_moves_too_and_is_once_again_when_the_node_is_back() -> None:
    world = running(bare_pod(), podEvictionAfter="10s")
    (pod,) = truth(world)
    world.fleet.lose(pod.node, world.now)
    world.now += 60
    assert world.run().standing == "converged"
    assert len(truth(world)) == 2
    world.fleet.heal(pod.node)
    plan = world.turn()
    assert "job runs on another node too" in str(plan)
    world.run()
    assert_as_wanted(world)


def test_a_taint_that_evicts_moves_pods_at_once() -> None:
    world = running(deployment())
    taints = [{"key": "fire", "effect": "NoExecute"}]
    burning = fleet("pi-1", {"name": "pi-2", "taints": taints}, "pi-3")
    world.commit(desired(deployment(), of=burning))
    assert "pi-2 is tainted fire:NoExecute" in str(world.decide())
    assert world.run().standing == "converged"
    assert "pi-2" not in {p.node for p in truth(world)}


def test_a_node_that_leaves_the_inventory_is_replaced_and_noted() -> None:
    world = running(deployment())
    world.commit(desired(deployment(), of=fleet("pi-1", "pi-3")))
    plan = world.turn()
    assert len(plan.steps) == 1
    assert "pi-2 has left the inventory with pods on it; nobody can stop them now" in plan.notes


def test_a_pod_that_ends_does_not_count_but_keeps_its_name() -> None:
    import msgspec

    world = running(deployment(replicas=1))
    world.fleet.behaviour = msgspec.structs.replace(world.fleet.behaviour, stop_seconds=20.0)
    (pod,) = truth(world)
    world.commit(desired(deployment(replicas=0)))
    world.turn()
    world.commit(desired(deployment(replicas=1)))
    *_, step = world.turn().steps
    assert "start web-bab6b4aa03-1@" in str(step)
    assert world.plan.verdicts[WEB].total == 0
    assert pod.record.name == "web-bab6b4aa03-0"


def test_a_new_fleet_does_not_wait_for_a_node_that_was_never_there() -> None:
    world = World(desired(deployment()))
    world.fleet.lose("pi-2", world.now)
    world.fleet.forget()
    plan = world.turn()
    assert [s.action.verb for s in plan.steps].count("start") == 3
    assert "pi-2" not in {s.action.node for s in plan.steps}


def test_a_fleet_whose_memory_is_lost_waits_for_a_silent_node() -> None:
    world = World(desired(deployment()))
    world.run()
    world.fleet.lose("pi-2", world.now)
    world.fleet.forget()
    world.restart(lost=True)
    assert not world.turn().steps
    assert not world.turn().steps


def test_a_fleet_that_remembers_does_not_wait_for_a_node_without_pods() -> None:
    wanted = desired(deployment(replicas=1))
    world = World(wanted)
    world.run()
    (pod,) = world.observe().pods()
    idle = next(n for n in sorted(world.fleet.machines) if n != pod.node)
    world.fleet.lose(idle, world.now)
    world.fleet.forget()
    world.fleet.remove_container(pod.node, pod.key, "app")
    assert [s.action.verb for s in world.turn().steps] == ["start"]
