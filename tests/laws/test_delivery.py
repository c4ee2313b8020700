"""The promises of blue-green and canary, as properties. `promises` has those that hold for every plan."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from reconciler.engine.simulation.simulated_pod import Behaviour
from tests.decide.builders import ROLLOUT
from tests.laws.deliveries import KINDS, events, quiet
from tests.laws.delivering import Delivering
from tests.laws.habits import Habits
from tests.laws.happen import assert_rests, truth
from tests.laws.strategies import GOOD
from tests.laws.test_laws import law as slow_law
from tests.laws.test_laws import paces

law = settings(slow_law, max_examples=int(os.environ.get("LAWS_EXAMPLES", "25")))


def begun(plans: Habits, pace: Behaviour | None = None) -> Delivering:
    """A first version that runs, by the same strategy as what comes after it."""
    world = Delivering(plans.commit(GOOD, final=True), plans.key, pace)
    plans.clock = lambda: world.clock
    world.rest()
    assert world.plan.standing == "converged", f"{world.plan}\n{world.plan.verdicts}"
    return world


def course_of(world: Delivering, plans: Habits, course: list[tuple[str, int]]) -> None:
    world.commit(plans.commit(GOOD))
    for event, number in course:
        note(f"{world.now}: {event} {number}; {world.way}")
        world.happen(event, number, plans.commit)


def assert_says_why(world: Delivering) -> None:
    """Law 3: nothing stands still without a word."""
    for verdict in world.plan.verdicts.values():
        assert verdict.standing in ("converged", "paused", "failed", "blocked"), f"{verdict}\n{world.plan}"
        assert verdict.standing == "converged" or verdict.message, f"{verdict}\n{world.plan}"


def promoted(world: Delivering, tries: int = 20) -> None:
    """Somebody says whatever makes it go on."""
    for _ in range(tries):
        if world.plan.verdicts[world.key].standing == "converged":
            return
        assert_says_why(world)
        assert world.order("retry") or world.order("resume") or world.order("promote"), world.plan.verdicts
        world.rest()
    raise AssertionError(f"not promoted after {tries} orders: {world.plan.verdicts}\n{world.way}")


@pytest.mark.parametrize("kind", KINDS)
@law
@given(data=st.data(), pace=paces, course=events)
def test_whatever_happens_it_is_promoted_in_the_end(
    kind: str, data: st.DataObject, pace: Behaviour, course: list[tuple[str, int]]
) -> None:
    plans = Habits(data.draw, kind)
    world = begun(plans, pace)
    course_of(world, plans, course)
    world.calm_down(plans.commit(GOOD, final=True))
    world.rest()
    promoted(world)
    assert_rests(world)


@pytest.mark.parametrize("kind", KINDS)
@law
@given(data=st.data(), pace=paces, course=events)
def test_it_never_stands_still_without_a_word(
    kind: str, data: st.DataObject, pace: Behaviour, course: list[tuple[str, int]]
) -> None:
    """Whatever is wanted at the end, and though nobody says anything."""
    plans = Habits(data.draw, kind)
    world = begun(plans, pace)
    course_of(world, plans, course)
    world.calm_down(world.commits[-1])
    world.rest()
    assert_says_why(world)


@pytest.mark.parametrize("kind", KINDS)
@law
@given(data=st.data(), pace=paces, course=quiet, moves_on=st.booleans())
def test_lost_memory_moves_no_traffic(
    kind: str, data: st.DataObject, pace: Behaviour, course: list[tuple[str, int]], moves_on: bool
) -> None:
    """Until somebody says so. `moves_on`: a commit came while nobody remembered. A version that is alone may
    come to serve where nobody did: its first pod was on its way.
    """
    plans = Habits(data.draw, kind, key=ROLLOUT)
    world = begun(plans, pace)
    world.commit(plans.commit(GOOD, final=True, steady=True))
    for event, number in course:
        world.happen(event, number, lambda: plans.commit(GOOD, final=True, steady=True))
    world.rest(seconds=50.0)
    before, running = (
        world.told(),
        {p.record.template_hash for p in truth(world) if p.record.owner == ROLLOUT and not p.terminating},
    )
    if moves_on:
        world.commit(plans.commit(GOOD, final=True, steady=True))
    world.restart(lost=True)
    if len(running) == 1 and running != {world.desired.hashes[ROLLOUT]}:
        return
    kept = {place: told for place, told in before.items() if told or len(running) > 1}
    for later in (0.0, 0.1, 40.0, 700.0):
        world.now += later
        world.turn()
        world.turn()
        told = world.told()
        assert {place: told[place] for place in kept} == kept, f"{world.plan}\n{world.way}"
    if len(running) > 1:
        assert world.plan.verdicts[ROLLOUT].standing == "paused"
        assert "where it stood was lost" in str(world.plan.verdicts)
