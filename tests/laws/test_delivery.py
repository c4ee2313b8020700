"""The promises of progressive delivery, as properties: whatever happens, in any order."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from reconciler.engine.simulation.simulated_pod import Behaviour
from tests.laws.deliveries import Watched, events, strategies

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "60"))
law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PACE = Behaviour(missing=frozenset({"web:missing"}), never_ready=frozenset({"web:hangs"}))


@law
@given(strategy=strategies(), replicas=st.integers(1, 5), abort=st.booleans(), course=events)
def test_whatever_happens_it_ends_promoted_or_aborted_and_says_why(
    strategy: dict[str, Any], replicas: int, abort: bool, course: list[tuple[str, int]]
) -> None:
    """Every pass on the way is checked: capacity, weights, slots, memory."""
    world = Watched(strategy, replicas, PACE, progressDeadlineAbort=abort)
    for event, number in course:
        note(f"{world.now}: {event} {number}")
        world.happen(event, number)
    plan = world.end()
    assert plan.standing in ("converged", "failed", "blocked"), f"{plan}\n{world.state}"
    if plan.standing != "converged":
        assert world.plan.verdicts[next(iter(plan.verdicts))].message, "it says why"
    if world.way.stage == "done":
        assert world.state.stable_hash == world.state.template_hash
        return
    assert world.way.stage == "aborted" or world.state.message, f"{world.state}"


@law
@given(strategy=strategies(), replicas=st.integers(1, 4), course=events)
def test_a_commit_that_takes_it_back_always_ends_promoted(
    strategy: dict[str, Any], replicas: int, course: list[tuple[str, int]]
) -> None:
    world = Watched(strategy, replicas, PACE)
    for event, number in course:
        note(f"{world.now}: {event} {number}")
        world.happen(event, number)
    world.turn()
    stable = world.state.stable_hash
    good = [c for c in world.commits if stable in c.hashes.values()]
    if not good:
        return
    world.commit(good[-1])
    plan = world.end()
    if any(hold.reason == "order" for hold in world.way.holds):
        return
    assert plan.standing == "converged", f"{plan}\n{world.state}"
    assert set(world.pods().values()) == {good[-1].workloads[next(iter(good[-1].workloads))].spec.replicas}  # type: ignore[union-attr]


@law
@given(strategy=strategies(), replicas=st.integers(2, 4), steps=st.integers(0, 6))
def test_lost_memory_changes_no_traffic(strategy: dict[str, Any], replicas: int, steps: int) -> None:
    world = Watched(strategy, replicas, PACE)
    world.push("v2")
    for _ in range(steps):
        world.happen("order", 2)
        world.settle()
    if world.way.stage == "aborted":
        return
    before, live = world.shares(), world.routed().live
    world.restart(lost=True)
    world.settle()
    assert world.shares() == before
    assert world.routed().live == live
