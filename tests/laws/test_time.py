"""What time brings, it brings by the time that the reconciler ran: neither stalls nor clocks count."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.loop.steady import BEAT_S, GAP_S, SteadyClock
from tests.decide.builders import WEB, deployment, desired, fleet
from tests.laws.test_laws import law
from tests.laws.world import START, World

LOST_S, EVICTED_S, DEADLINE_S = 40, 340, 60
Course = Sequence[tuple[str, int]]
courses = st.lists(
    st.tuples(st.sampled_from(["run", "run", "stall", "stop"]), st.integers(1, 90)), min_size=1, max_size=20
)
"""`stop`: the reconciler ends, and another one begins so much later."""


def went(world: World, event: str, seconds: int) -> int:
    """How much of it counts."""
    if event == "run":
        world.now += seconds
        return seconds
    world.stall(seconds * 100)
    if event == "stop":
        world.restart(lost=False)
    return 0


@law
@given(course=courses)
def test_a_rollout_has_its_deadline_of_time_that_the_reconciler_ran(course: Course) -> None:
    hangs = deployment(image="app:hangs", replicas=1, progressDeadlineSeconds=DEADLINE_S)
    world = World(desired(hangs), Behaviour(never_ready=frozenset({"app:hangs"})))
    world.turn()
    world.now += 5
    world.turn()  # its pod is there: that was progress
    counted = 0
    for event, seconds in course:
        counted += went(world, event, seconds)
        world.turn()
        phase = world.progress.rollouts[WEB].phase
        assert phase == ("failed" if counted >= DEADLINE_S else "progressing"), counted


@law
@given(course=courses)
def test_a_node_is_lost_and_its_pods_are_moved_after_time_that_the_reconciler_ran(course: Course) -> None:
    world = World(desired(deployment(replicas=1), of=fleet("pi-1", "pi-2")))
    world.run()
    (pod,) = world.observe().pods()
    world.fleet.lose(pod.node, world.now)
    world.turn()
    counted = 0
    for event, seconds in course:
        counted += went(world, event, seconds)
        moved = [s for s in world.decide().steps if getattr(s.action, "owner", None) == WEB]
        assert bool(moved) == (counted >= EVICTED_S), counted
        if moved:
            return


@law
@given(
    course=st.lists(
        st.tuples(st.sampled_from(["beats", "silence", "set"]), st.floats(-90_000, 90_000)), max_size=20
    ),
    looks=st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_the_loops_time_counts_its_beats_and_nothing_else(
    course: list[tuple[str, float]], looks: list[float]
) -> None:
    wall, ran = START, 100.0

    def walls() -> float:
        return wall

    clock = SteadyClock(wall=walls, elapsed=lambda: ran)
    expected, before = START, START
    for event, number in course:
        seconds = abs(number)
        if event == "set":
            wall += number
        elif event == "silence":
            wall, ran = wall + seconds, ran + seconds
            clock.beat()
            expected += seconds if seconds <= GAP_S else BEAT_S
            assert clock.stalled() == (seconds > GAP_S)
        else:
            for part in looks:
                wall, ran = wall + part, ran + part
                assert before <= clock.now() <= expected + part + 1e-6, "never back, also between two beats"
                before = clock.now()
                clock.beat()
                expected += part
        assert clock.now() == pytest.approx(expected, abs=1e-3)
        assert clock.now() >= before - 1e-6
        before = clock.now()
        assert clock.ahead() == pytest.approx(wall - expected, abs=1.0)
    clock.fall_in()
    assert (clock.now(), clock.ahead(), clock.stalled()) == (wall, 0.0, True), "every node is asked anew"
