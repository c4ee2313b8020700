"""Budgets, counts, proportions, the memory of a rollout: Kubernetes' numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.rollout.budget import Budget, budget_of
from reconciler.decide.rollout.rolling import Counts, Move, roll
from reconciler.decide.rollout.scaling import rescale
from reconciler.decide.rollout.state import Sight, advance, deadline_of
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.workload import DeploymentStrategy, RollingUpdate, Share
from tests.decide.builders import WEB, deployment, desired
from tests.laws.happen import truth
from tests.laws.world import World


@pytest.mark.parametrize(
    ("surge", "unavailable", "desired", "most", "least"),
    [
        ("25%", "25%", 10, 13, 8),
        ("25%", "25%", 1, 2, 1),
        (1, 0, 3, 4, 3),
        (0, 0, 3, 3, 2),
        ("0%", "10%", 3, 3, 2),
        ("100%", "100%", 4, 8, 0),
        ("150%", "0%", 3, 8, 3),
        (5, 5, 2, 7, 0),
        (1, 1, 0, 1, 0),
    ],
)
def test_budget(surge: Share, unavailable: Share, desired: int, most: int, least: int) -> None:
    update = RollingUpdate(max_surge=surge, max_unavailable=unavailable)
    found = budget_of(DeploymentStrategy(rolling_update=update), desired)
    assert (found.most, found.least) == (most, least)


FOUR = Budget(desired=4, surge=1, unavailable=1)


@pytest.mark.parametrize(
    ("counts", "move"),
    [
        (Counts(new=0, new_available=0, old=0, old_available=0), Move(start_new=4)),
        (Counts(new=0, new_available=0, old=4, old_available=4), Move(start_new=1, stop_old=1)),
        (Counts(new=1, new_available=0, old=3, old_available=3), Move(start_new=1)),
        (Counts(new=2, new_available=0, old=3, old_available=3), Move()),
        (Counts(new=2, new_available=1, old=3, old_available=3), Move(stop_old=1)),
        (Counts(new=4, new_available=4, old=1, old_available=1), Move(stop_old=1)),
        (Counts(new=6, new_available=6, old=0, old_available=0), Move(stop_new=2)),
        (Counts(new=0, new_available=0, old=4, old_available=0), Move(start_new=1, stop_old=1)),
        (Counts(new=2, new_available=0, old=2, old_available=2, restorable=True), Move(start_old=1)),
        (Counts(new=3, new_available=3, old=0, old_available=0, hidden=1), Move()),
    ],
)
def test_roll(counts: Counts, move: Move) -> None:
    assert roll(counts, FOUR) == move


numbers = st.integers(0, 8)


@given(numbers, numbers, numbers, numbers, numbers, numbers, st.integers(0, 8), st.integers(0, 8))
def test_no_step_ever_breaks_the_budget(
    new: int, up: int, old: int, old_up: int, hidden: int, desired: int, surge: int, unavailable: int
) -> None:
    budget = Budget(desired=desired, surge=surge, unavailable=min(unavailable, desired))
    counts = Counts(
        new=new,
        new_available=min(up, new),
        old=old,
        old_available=min(old_up, old),
        hidden=hidden,
        restorable=True,
    )
    move = roll(counts, budget)
    starts = move.start_new + move.start_old
    assert starts == 0 or counts.total + starts <= budget.most
    old_taken = max(0, move.stop_old - (counts.old - counts.old_available))
    new_taken = max(0, move.stop_new - (counts.new - counts.new_available))
    taken = old_taken + new_taken
    assert taken == 0 or counts.available - taken >= min(budget.least, counts.available - new_taken)
    assert move.stop_old <= old
    assert move.stop_new <= new


def test_a_changed_number_is_shared_in_proportion() -> None:
    up = rescale(
        Counts(new=7, new_available=7, old=6, old_available=6), Budget(desired=20, surge=3, unavailable=2), 10
    )
    assert (up.start_new, up.start_old) == (5, 5)
    down = rescale(
        Counts(new=7, new_available=7, old=6, old_available=6), Budget(desired=5, surge=3, unavailable=2), 10
    )
    assert (down.stop_new, down.stop_old) == (3, 2)
    assert 13 - down.stop_new - down.stop_old == 8


def sight(template_hash: str = "a", available: int = 0, **fields: object) -> Sight:
    values = {"finished": available == 3, "updated": available, "revision": f"rev-{template_hash}"} | fields
    return Sight(template_hash=template_hash, replicas=3, available=available, **values)  # type: ignore[arg-type]  # a test's shorthand


def test_the_story_of_a_rollout() -> None:
    state = advance(None, sight(), [], 0.0)
    assert (state.phase, state.number, state.started_at) == ("progressing", 1, 0.0)
    state = advance(state, sight(available=3), [], 10.0)
    assert (state.phase, state.stable_hash, state.stable_revision) == ("complete", "a", "rev-a")
    state = advance(state, sight("b"), [], 20.0)
    assert (state.phase, state.number, state.stable_hash) == ("progressing", 2, "a")
    state = advance(state, sight("b", 1), [], 500.0)
    assert state.progressed_at == 500.0
    assert advance(state, sight("b", 1, fallback=True), [], 1099.0).phase == "progressing"
    state = advance(state, sight("b", 1, fallback=True, complaint="web-0: it hangs"), [], 1100.0)
    assert state.phase == "failed"
    assert state.message == "no progress for 10m: 1 of 3 pods of b available; web-0: it hangs"
    assert advance(state, sight("b", 3, fallback=True), [], 2000.0) is state, "not retried"
    state = advance(state, sight("a", 3), [], 2100.0)
    assert (state.phase, state.number) == ("complete", 3)
    assert [(p.number, p.template_hash) for p in state.history] == [(2, "b"), (3, "a")]


def test_paused_stops_the_deadlines_clock() -> None:
    state = advance(None, sight(), [], 0.0)
    state = advance(state, sight(paused=True), [], 500.0)
    assert state.phase == "paused"
    state = advance(state, sight(paused=True), [], 5000.0)
    assert state.phase == "paused"
    state = advance(state, sight(), [], 6000.0)
    assert (state.phase, state.progressed_at) == ("progressing", 6000.0)


def test_the_deadline_begins_anew_when_the_clock_is_set_back() -> None:
    before = advance(None, sight(updated=0, available=0), [], 100_000.0)
    set_back = advance(before, sight(updated=0, available=0), [], 1000.0)
    assert (set_back.phase, deadline_of(set_back, 600)) == ("progressing", 1600.0)
    assert advance(set_back, sight(updated=0, available=0), [], 1600.0).phase == "failed"


def test_history_is_trimmed() -> None:
    state = advance(None, sight("0", 3), [], 0.0)
    for number in range(1, 6):
        state = advance(state, sight(str(number), 3, history_limit=2), [], float(number))
    assert [p.template_hash for p in state.history] == ["3", "4", "5"]
    state = advance(state, sight("6", 3, history_limit=0), [], 9.0)
    assert [p.template_hash for p in state.history] == ["5", "6"]  # a failure falls back to 5


def test_without_progress_a_long_failed_version_is_soon_judged_again() -> None:
    world = World(desired(deployment()), Behaviour(never_ready=frozenset({"web:v2"})))
    world.run()
    world.commit(desired(deployment(image="web:v2")))
    world.turn()
    world.now += 550
    world.turn()
    world.restart(lost=True)
    world.turn()
    world.now += 60
    plan = world.turn()
    assert plan.verdicts[WEB].standing == "failed"
    assert plan.progress.rollouts[WEB].stable_hash == world.commits[0].hashes[WEB]


def test_a_paused_deployment_keeps_its_number_and_rolls_nothing() -> None:
    world = World(desired(deployment()))
    world.run()
    world.commit(desired(deployment(image="web:v2", replicas=5, paused=True)))
    plan = world.run()
    assert plan.standing == "paused"
    assert {p.record.template_hash for p in truth(world)} == {world.commits[0].hashes[WEB]}
    assert len(truth(world)) == 5


def test_recreate_starts_only_when_all_old_pods_are_gone() -> None:
    recreate = {"type": "Recreate"}
    world = World(desired(deployment(strategy=recreate)), Behaviour(stop_seconds=5.0))
    world.run()
    world.commit(desired(deployment(image="web:v2", strategy=recreate)))
    plan = world.decide()
    stops = {s.number for s in plan.steps if s.action.verb == "stop"}
    assert len(stops) == 3
    starts = [s for s in plan.steps if s.action.verb == "start"]
    assert all(set(s.after) >= stops for s in starts)
    assert len(starts) == 3
    assert world.run().standing == "converged"
