"""Jobs as measurements, on the simulated fleet: a pod that ends well or badly, is slow, or never starts."""

from __future__ import annotations

import time

import msgspec
import pytest

from reconciler.apply.inflight import overlay
from reconciler.decide import decide
from reconciler.decide.analysis.jobs import START_S, pod_name
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.action import StartPod, StopPod
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import PodState
from tests.decide.analysis.builders import job_metric, run_file
from tests.decide.builders import NODES, bare_pod, desired, fleet
from tests.laws.world import World

OWN = Key("AnalysisRun", "default", "own")
SERVICE = bare_pod("other", "web:v1")


def wanted(*metrics: object, **spec: object) -> Desired:
    given = run_file(*metrics, **spec)  # type: ignore[arg-type]
    return msgspec.structs.replace(desired(SERVICE), runs={given.key: given})


def world(*metrics: object, behaviour: Behaviour | None = None) -> World:
    return World(wanted(*(metrics or (job_metric(),))), behaviour)


def pods(of: World) -> list[PodState]:
    return [p for p in of.observe().by_owner.get(OWN, ()) if not p.terminating]


def run(of: World) -> RunState:
    return of.progress.runs[OWN]


def go(of: World, seconds: float, every: float = 1.0) -> None:
    """Passes for so many seconds."""
    end = of.now + seconds
    while of.now < end:
        of.turn()
        of.now += every


def kill(of: World, code: int) -> None:
    pod = next(p for p in pods(of) if p.phase != "Failed")
    of.fleet.kill_container(pod.node, pod.key, "main", of.now, code)


def test_a_job_may_have_any_number_of_tries() -> None:
    """A pass costs what there is, not what there may be."""
    began = time.perf_counter()
    place = world(job_metric(backoff=10_000_000), behaviour=Behaviour(completes={"job:v1": 1e6}))
    go(place, 3)
    kill(place, 1)
    go(place, 3)
    assert [p.record.name for p in pods(place) if p.phase == "Running"] == ["own-smoke-0-1"]
    assert time.perf_counter() - began < 10


def test_a_job_that_ends_well_is_a_good_measurement_and_its_pod_goes() -> None:
    place = world(behaviour=Behaviour(completes={"job:v1": 20.0}))
    go(place, 3)
    assert [p.record.name for p in pods(place)] == ["own-smoke-0-0"]
    record = pods(place)[0].record
    assert (record.owner, record.labels, record.spec.restart_policy) == (OWN, {"app": "smoke"}, "Never")
    assert run(place).phase == "Running"
    go(place, 25)
    assert run(place).phase == "Successful"
    assert run(place).metrics["smoke"].successful == 1
    assert pods(place) == []


def test_the_pod_of_a_measurement_that_is_over_goes_with_a_reason() -> None:
    place = world(behaviour=Behaviour(completes={"job:v1": 2.0}))
    stops = []
    for _ in range(10):
        plan = place.turn()
        stops += [s.action.because for s in plan.steps if isinstance(s.action, StopPod)]
        place.now += 1
    assert stops == ["AnalysisRun default/own has ended: Successful"]


def test_a_failed_pod_is_tried_again_up_to_the_backoff_limit() -> None:
    place = world(job_metric(backoff=1))
    go(place, 3)
    kill(place, 3)
    plan = place.turn()
    starts = [s.action for s in plan.steps if isinstance(s.action, StartPod)]
    assert [(a.pod, a.because) for a in starts] == [
        ("own-smoke-0-1", "another try after own-smoke-0-0 has failed")
    ]
    place.now += 1
    go(place, 3)
    second = next(p for p in pods(place) if p.record.name == "own-smoke-0-1")
    place.fleet.kill_container(second.node, second.key, "main", place.now, 3)
    go(place, 3)
    assert run(place).phase == "Failed"
    assert "pod own-smoke-0-1 has failed" in run(place).message
    assert pods(place) == []


def test_tries_without_an_end_cost_nothing_until_they_are_made() -> None:
    """Each of them had a name in each pass: of so many the reconciler would die."""
    place = world(job_metric(backoff=2**31 - 1))
    for attempt in range(3):
        go(place, 3)
        assert [p.record.name for p in pods(place) if p.phase != "Failed"] == [f"own-smoke-0-{attempt}"]
        kill(place, 3)
    go(place, 3)
    assert run(place).phase == "Running"


def test_a_job_that_is_too_slow_is_stopped_and_failed() -> None:
    place = world(job_metric(activeDeadlineSeconds=30))
    go(place, 25)
    assert run(place).phase == "Running"
    assert any("it may run for 30 s" in str(w) for w in place.plan.waits)
    go(place, 15)
    assert run(place).phase == "Failed"
    assert "DeadlineExceeded" in run(place).message
    assert pods(place) == []


@pytest.mark.parametrize("skew", [-100_000.0, 100_000.0])
def test_its_time_counts_by_the_clock_of_its_node(skew: float) -> None:
    place = world(job_metric(activeDeadlineSeconds=30))
    place.skew = skew
    for machine in place.fleet.machines.values():
        machine.facts = msgspec.structs.replace(machine.facts, clock_skew=-skew)
    go(place, 25)
    assert run(place).phase == "Running"
    go(place, 15)
    assert "DeadlineExceeded" in run(place).message


def test_a_pod_that_is_still_being_made_is_not_too_slow() -> None:
    """It has no time of its own yet: what is under way is laid over what was observed."""
    place = world(job_metric(activeDeadlineSeconds=30))
    plan = place.decide()
    start = next(
        s.action for s in plan.steps if isinstance(s.action, StartPod) and s.action.key.name[:3] == "own"
    )
    seen = overlay(place.observe(), [start])
    again = decide(place.desired, seen, plan.progress, place.now + 1)
    assert again.progress.runs[OWN].phase == "Running"
    assert not [s for s in again.steps if isinstance(s.action, StopPod)]


def test_a_job_whose_image_cannot_be_had_is_for_somebody_to_look_at() -> None:
    """Argo Rollouts: ErrImagePull makes a Job's measurement Inconclusive, at once."""
    place = world(behaviour=Behaviour(missing=frozenset({"job:v1"})))
    go(place, 5)
    state = run(place).metrics["smoke"]
    assert (run(place).phase, state.inconclusive, state.error) == ("Inconclusive", 1, 0)
    assert "couldn't be started: ErrImagePull" in state.measurements[0].message
    assert not place.progress.attempts, "nothing is tried any more"


def test_a_job_that_cannot_be_started_is_an_error_and_tried_anew() -> None:
    place = world(behaviour=Behaviour(missing=frozenset({"job:v1"})))

    def full(seconds: float) -> None:
        """Passes while each start fails for want of space."""
        end = place.now + seconds
        while place.now < end:
            place.turn()
            attempts = place.progress.attempts.items()
            failed = {
                k: msgspec.structs.replace(a, reason="DiskFull", message="no space") for k, a in attempts
            }
            place.progress = msgspec.structs.replace(place.progress, attempts=failed)
            place.now += 1

    full(START_S - 5)
    assert run(place).metrics["smoke"].error == 0
    assert place.progress.attempts
    full(10)
    state = run(place).metrics["smoke"]
    assert (state.error, state.phase) == (1, "Running")
    assert "couldn't be started: DiskFull" in state.measurements[0].message
    assert not place.progress.attempts, "nothing is tried until the next measurement"
    full(20)
    assert [k.name for k in place.progress.attempts] == ["own-smoke-1-0"]


def test_a_job_is_measured_again_with_a_pod_of_its_own() -> None:
    again = msgspec.structs.replace(job_metric(), interval="30s", count=2)
    place = world(again, behaviour=Behaviour(completes={"job:v1": 2.0}))
    go(place, 20)
    assert run(place).metrics["smoke"].count == 1
    assert pods(place) == [], "between two measurements there is none"
    go(place, 30)
    assert run(place).phase == "Successful"
    assert run(place).metrics["smoke"].count == 2


def test_the_pods_of_a_run_that_left_the_files_go() -> None:
    place = world()
    go(place, 3)
    assert len(pods(place)) == 1
    place.commit(desired(SERVICE))
    go(place, 3)
    assert pods(place) == []
    assert place.progress.runs == {}


def test_a_killed_reconciler_takes_up_the_same_pod() -> None:
    place = world(behaviour=Behaviour(completes={"job:v1": 20.0}))
    go(place, 3)
    place.restart(lost=False)
    go(place, 3)
    assert [p.record.name for p in pods(place)] == ["own-smoke-0-0"]
    go(place, 20)
    assert run(place).phase == "Successful"


def test_a_pod_that_may_be_on_a_node_that_has_not_answered_is_not_started_again() -> None:
    place = world()
    go(place, 3)
    home = pods(place)[0].node
    place.restart(lost=False)
    place.fleet.unask(home)
    plan = place.turn()
    assert plan.steps == ()
    assert any(f"node {home}: it may hold 1 of AnalysisRun default/own's pods" in str(w) for w in plan.waits)
    place.fleet.heal(home)
    go(place, 5)
    assert [p.record.name for p in pods(place)] == ["own-smoke-0-0"]


def test_a_lost_node_costs_a_try() -> None:
    place = world(job_metric(backoff=3))
    go(place, 3)
    home = pods(place)[0].node
    place.fleet.lose(home, place.now)
    go(place, 600, every=5.0)
    assert "own-smoke-0-1" in [p.record.name for p in pods(place)]


def test_a_tainted_node_costs_a_try_and_the_pod_goes() -> None:
    place = world(job_metric(backoff=2))
    go(place, 3)
    home = pods(place)[0].node
    taint = {"name": home, "taints": [{"key": "slow", "effect": "NoExecute"}]}
    tainted = fleet(taint, *(name for name in NODES if name != home))
    place.commit(msgspec.structs.replace(place.commits[-1], fleet=tainted))
    go(place, 5)
    assert [(p.record.name, p.node == home) for p in pods(place)] == [("own-smoke-0-1", False)]
    kill(place, 3)
    go(place, 5)
    assert max(p.record.name for p in pods(place)) == "own-smoke-0-2"


def test_a_failed_pod_that_somebody_removes_is_not_tried_again() -> None:
    place = world(job_metric(backoff=1))
    go(place, 3)
    kill(place, 3)
    go(place, 3)
    first = pods(place)[0]
    place.fleet.remove_container(first.node, first.key, "main")
    go(place, 5)
    assert [p.record.name for p in pods(place)] == ["own-smoke-0-1"]


@pytest.mark.parametrize(
    ("metric", "name"),
    [("smoke", "own-smoke-0-0"), ("Smoke Test", "own-smoke-test-"), ("x" * 80, "own-xxx")],
)
def test_names_are_dns_labels_and_tell_metrics_apart(metric: str, name: str) -> None:
    made = pod_name("own", metric, 0, 0)
    assert made.startswith(name)
    assert len(made) <= 63
    assert made.endswith("-0-0")
    assert made != pod_name("own", metric + "-", 0, 0)
