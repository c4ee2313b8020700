"""The events of `strategies.events`, done to a world, and what holds after them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import note
from hypothesis import strategies as st

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.errors import Conflict, EngineError, NodeUnreachable
from reconciler.model.desired import Desired
from reconciler.model.fleet import Fleet
from reconciler.model.observed import PodState
from reconciler.model.workload import Deployment
from tests.laws.strategies import GOOD, revisions
from tests.laws.world import World


def happen(world: World, event: str, number: int, next_commit: Callable[[], Desired]) -> None:
    match event:
        case "turn":
            world.turn()
            world.now += 0.5
        case "die":
            world.turn(at_most=number % 5)
            world.restart(lost=number % 2 == 0)
        case "commit":
            world.commit(next_commit())
        case "wait":
            world.now += (1, 12, 45, 320, 700)[number % 5]
        case "stall":
            world.stall((7, 45, 400, 90_000)[number % 4])
        case "lose":
            world.fleet.lose(_node(world, number), world.now)
        case "heal":
            world.fleet.heal(_node(world, number))
        case "stopped" | "outdated" | "stale":
            world.fleet.set_data_plane(_node(world, number), event)  # type: ignore[arg-type]
        case "no data plane":
            world.fleet.set_data_plane(_node(world, number), "")
        case "kill" | "remove" | "reboot":
            _hurt(world, event, number)
        case "fail":
            error = (EngineError, Conflict, NodeUnreachable)[number % 3]
            world.fleet.fail_next(error("to order", node="any"))


def _node(world: World, number: int) -> str:
    names = list(world.fleet.machines)
    return names[number % len(names)]


def _hurt(world: World, event: str, number: int) -> None:
    pods = [
        p for p in world.observe().pods() if p.containers and world.fleet.machines[p.node].pods.get(p.key)
    ]
    if event == "reboot":
        world.fleet.reboot(_node(world, number), world.now)
    elif pods:
        pod = pods[number % len(pods)]
        container = pod.containers[number % len(pod.containers)].name
        if event == "kill":
            world.fleet.kill_container(pod.node, pod.key, container, world.now)
        else:
            world.fleet.remove_container(pod.node, pod.key, container)


def settle(world: World, final: Desired) -> None:
    """Every node is back and the newest revision is a good one: from here on it must converge."""
    for name in world.fleet.machines:
        world.fleet.heal(name)
    world.fleet._failures.clear()
    world.commit(final)
    world.run()


def truth(world: World) -> list[PodState]:
    """Every pod on every machine, also on those that the reconciler can't reach."""
    return [p.at(world.now) for m in world.fleet.machines.values() for p in m.pods.values()]


def assert_as_wanted(world: World) -> None:
    """Exactly the wanted pods, of the wanted versions, all ready, each name and address once."""
    pods, wanted = truth(world), world.commits[-1]
    assert len({p.key for p in pods}) == len(pods), "no duplicate"
    addresses = [p.record.ip for p in pods if p.record.ip]
    assert len(set(addresses)) == len(addresses), "no address twice"
    assert {p.record.owner for p in pods} <= wanted.workloads.keys(), "no orphan"
    for key, workload in wanted.workloads.items():
        mine = [p for p in pods if p.record.owner == key]
        count = 1 if key.kind == "Pod" else workload.spec.replicas  # type: ignore[union-attr]  # all others have it
        assert len(mine) == count, f"{key}: {len(mine)} pods, {count} wanted"
        assert all(p.ready for p in mine), f"{key}: not all ready"
        if isinstance(workload, Deployment) or key.kind == "Pod":
            assert {p.record.template_hash for p in mine} <= {wanted.hashes[key]}, (
                f"{key}: an old version runs"
            )


def assert_success_is_true(world: World) -> None:
    """Law 10: never converged while a Deployment's pods on the machines are not what the revision wants."""
    plan = world.decide()
    if plan.standing != "converged":
        return
    assert not plan.steps
    seen = [p for p in truth(world) if world.fleet.machines[p.node].reachable]
    for key, workload in world.commits[-1].workloads.items():
        ready = [p for p in seen if p.record.owner == key and p.ready]
        if key.kind == "Deployment":
            right = [p for p in ready if p.record.template_hash == world.commits[-1].hashes[key]]
            assert len(right) == workload.spec.replicas  # type: ignore[union-attr]  # a Deployment has it


def assert_rests(world: World) -> None:
    """Law 1: converged, it plans nothing and writes nothing, now and later, with a memo or without."""
    done = len(world.fleet.log)
    for later in (0.0, 10.0, 100_000.0):
        world.now += later
        plan = world.turn()
        assert not plan.steps, str(plan)
        assert plan.progress is world.progress
    world.restart(lost=False)
    assert not world.turn().steps
    assert len(world.fleet.log) == done


def lived(data: st.DataObject, of: Fleet, pace: Behaviour, course: Iterable[tuple[str, int]]) -> World:
    """A fleet that all of this has happened to, and that has become what a good revision wants in the end."""
    world = World(data.draw(revisions(of)), pace)
    if data.draw(st.booleans()):
        world.run()
    for event, number in course:
        note(f"{world.now}: {event} {number}")
        happen(world, event, number, lambda: data.draw(revisions(of)))
        assert_success_is_true(world)
    settle(world, data.draw(revisions(of, GOOD)))
    assert world.plan.standing == "converged", f"{world.plan}\n{world.plan.verdicts}"
    assert_as_wanted(world)
    return world
