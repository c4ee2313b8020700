"""When a one-shot run is over."""

from __future__ import annotations

import pytest

from reconciler.loop.once import Finish
from reconciler.loop.turn import Turn
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan, Standing, Verdict

WEB, SHOP = Key("Rollout", "default", "web"), Key("Rollout", "default", "shop")
SETTLE = 5.0


def over(left: Standing, asks: bool, waited: float) -> bool:
    """`web` was left as it is, `shop` pauses; it is asked twice, so many seconds apart."""
    verdicts = {WEB: Verdict(standing=left), SHOP: Verdict(standing="paused", asks=asks)}
    plan = Plan(revision="a", verdicts=verdicts, standing=left if left != "converged" else "paused")
    observed = Observed([NodeState(name="pi-1", reachable=True)])
    turn = Turn(at=0.0, seconds=0.1, observed=observed, plan=plan)
    clock = iter([0.0, 1.0, 1.0 + waited])
    finish = Finish(None, SETTLE, lambda: next(clock))
    finish(turn)
    return finish(turn)


@pytest.mark.parametrize("left", ["failed", "blocked", "converged"])
def test_a_pause_that_ends_by_itself_is_waited_for_however_others_stand(left: Standing) -> None:
    assert not over(left, asks=False, waited=600.0)


def test_nobody_is_waited_for() -> None:
    assert over("converged", asks=True, waited=0.0)


@pytest.mark.parametrize("left", ["failed", "blocked"])
def test_what_was_left_gets_a_moment(left: Standing) -> None:
    assert not over(left, asks=True, waited=SETTLE - 1)
    assert over(left, asks=True, waited=SETTLE)
