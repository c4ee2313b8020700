"""Pods that end for good: also before anybody has seen them run, and when Docker forgets them."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.decide import decide
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.errors import StartFailed
from reconciler.model.action import RecordEnd, StartPod, StopPod
from reconciler.model.meta import Key
from reconciler.model.observed import Observed, PodState
from reconciler.model.plan import Plan
from tests.decide.builders import bare_pod, deployment, desired
from tests.laws.world import World

JOB = Key("Pod", "default", "job")


def once(seconds: float = 0.0, policy: str = "Never", **more: object) -> World:
    ends = Behaviour(completes={"job:v1": seconds})
    return World(desired(bare_pod(restartPolicy=policy, **more)), behaviour=ends)  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_pod_that_ends_before_it_is_looked_at_has_converged(policy: str) -> None:
    world = once(policy=policy)
    assert world.run().standing == "converged"
    assert world.plan.verdicts[JOB].message == "Completed"
    assert not world.plan.waits


def test_a_pod_that_has_ended_needs_no_other_try() -> None:
    """Its start failed in the end (a postStart hook found no program any more), and the program was done."""
    world = once()
    world.turn()
    failed = StartFailed("it has ended", node="pi-1")
    start = next(a for a in world.fleet.log if isinstance(a, StartPod))
    from reconciler.decide.attempts import after_failure

    world.progress = after_failure(world.progress, start, failed.reason, failed.message, world.now)
    assert world.run().standing == "converged"
    assert not world.progress.attempts
    assert [type(a) for a in world.fleet.log].count(StartPod) == 1


@pytest.mark.parametrize("lost", [False, True])
def test_what_has_ended_is_recorded_and_not_run_again_when_docker_forgets_it(lost: bool) -> None:
    world = once(5.0)
    world.run()
    world.now += 10
    assert world.run().standing == "converged"
    assert "record job@" in str(next(a for a in world.fleet.log if isinstance(a, RecordEnd)))
    done = len(world.fleet.log)
    for name in world.fleet.machines:
        world.fleet.prune(name)
    world.restart(lost=lost)
    assert world.run().standing == "converged"
    assert len(world.fleet.log) == done
    (pod,) = world.observe().pods()
    assert (pod.phase, pod.reason) == ("Succeeded", "Completed")


def test_one_of_two_programs_that_has_ended_is_recorded_while_the_other_runs() -> None:
    other = {"name": "other", "image": "web:v1"}
    first = {"name": "app", "image": "job:v1"}
    world = once(5.0, containers=[first, other])
    world.turn()
    world.now += 10
    plan = world.decide()
    (step,) = plan.steps
    assert isinstance(step.action, RecordEnd)
    assert [c.name for c in step.action.ending.containers] == ["app"]


def test_a_pod_that_has_failed_for_good_waits_for_no_deadline() -> None:
    world = once(5.0)
    world.turn()
    (pod,) = world.observe().pods()
    world.fleet.kill_container(pod.record.node, JOB, "app", world.now, code=3)
    plan = world.decide()
    assert plan.verdicts[JOB].standing == "failed"
    assert not plan.waits


def test_a_changed_pod_runs_anew() -> None:
    world = once()
    world.run()
    world.commit(desired(bare_pod(image="job:v2", restartPolicy="Never")))
    world.run()
    (pod,) = world.observe().pods()
    assert pod.record.spec.containers[0].image == "job:v2"
    assert not pod.recorded


def without_volumes(observed: Observed, lost: set[str]) -> Observed:
    for node in tuple(observed.nodes.values()):
        pods = tuple(_lost(p) if p.record.name in lost else p for p in node.pods)
        observed = observed.with_node(msgspec.structs.replace(node, pods=pods))
    return observed


def _lost(pod: PodState) -> PodState:
    return msgspec.structs.replace(pod, lost_volumes=("data",))


def planned(world: World, lost: set[str]) -> Plan:
    return decide(world.desired, without_volumes(world.observe(), lost), world.progress, world.clock)


def test_pods_whose_volume_has_vanished_are_replaced_one_by_one_while_they_serve() -> None:
    world = World(desired(deployment()))
    world.run()
    names = {p.record.name for p in world.observe().pods()}
    plan = planned(world, names)
    (stop,) = (s.action for s in plan.steps if isinstance(s.action, StopPod))
    assert stop.because == "what was in its volume data is gone from the node"
    assert plan.standing == "progressing"
    world.fleet.perform(stop, world.now)
    world.now += 60
    left = names - {stop.pod}
    plan = planned(world, left)
    assert not [s for s in plan.steps if isinstance(s.action, StopPod)]
    assert [s.action.verb for s in plan.steps] == ["start"]


def test_one_that_has_ended_needs_its_volumes_no_more() -> None:
    world = once()
    world.run()
    assert not planned(world, {"job"}).steps
