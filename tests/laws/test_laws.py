"""DESIGN's laws, as properties, on the simulated fleet. Laws 1, 2, 3, 4, 6 and 10 hold whatever happens."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.engine.simulation.simulated_pod import Behaviour
from tests.decide.builders import deployment, desired
from tests.laws.happen import (
    assert_as_wanted,
    assert_rests,
    lived,
    truth,
)
from tests.laws.strategies import BAD, events, fleets
from tests.laws.world import World

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "60"))
"""A run of the suite tries this many; a long run sets more."""
law = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)

PROGRAMS = {
    "missing": frozenset({"app:missing"}),
    "never_ready": frozenset({"app:hangs"}),
    "crashing": frozenset({"app:crashes"}),
}
paces = st.builds(
    Behaviour,
    start_seconds=st.sampled_from([0.0, 0.0, 3.0]),
    ready_seconds=st.sampled_from([0.0, 1.0, 7.0]),
    stop_seconds=st.sampled_from([0.0, 0.0, 20.0]),
    init_seconds=st.sampled_from([0.0, 2.0]),
    missing=st.just(PROGRAMS["missing"]),
    never_ready=st.just(PROGRAMS["never_ready"]),
    crashing=st.just(PROGRAMS["crashing"]),
)


@law
@given(data=st.data(), pace=paces, course=events)
def test_whatever_happens_it_converges_in_the_end_and_then_rests(
    data: st.DataObject, pace: Behaviour, course: list[tuple[str, int]]
) -> None:
    """Laws 1 to 4, 6, 10: `World.turn` checks every plan on the way; see `check_plan`."""
    assert_rests(lived(data, data.draw(fleets()), pace, course))


@law
@given(
    replicas=st.integers(1, 5),
    bad=st.sampled_from(BAD),
    pace=paces,
    strategy=st.sampled_from([{}, {"type": "Recreate"}, {"rollingUpdate": {"maxSurge": 0}}]),
    dies=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=3),
)
def test_a_failed_rollout_leaves_the_old_version_serving(
    replicas: int, bad: str, pace: Behaviour, strategy: dict[str, object], dies: list[tuple[int, int]]
) -> None:
    """Law 8, also when the reconciler dies on the way; and a revert needs no new pod at all."""
    good = desired(deployment(image="app:v1", replicas=replicas, strategy=strategy))
    world = World(good, pace)
    assert world.run().standing == "converged"
    world.commit(desired(deployment(image=bad, replicas=replicas, strategy=strategy)))
    for number, effects in dies:
        world.turn(at_most=effects)
        world.restart(lost=False)
        world.now += number
    plan = world.run()
    assert plan.standing == "failed", str(plan)
    old = [p for p in truth(world) if p.record.template_hash in good.hashes.values()]
    assert len(old) == len(truth(world)) == replicas
    assert all(p.ready for p in old)
    done = len(world.fleet.log)
    world.now += 100_000
    assert not world.run().steps, "the bad version is not retried"
    world.commit(good)
    assert world.run().standing == "converged"
    assert len(world.fleet.log) == done, "a revert just recognises what runs"
    world.commit(desired(deployment(image="app:v2", replicas=replicas, strategy=strategy)))
    assert world.run().standing == "converged", "a newer good version wins at once"
    assert_as_wanted(world)
