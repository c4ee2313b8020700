"""What each verb does at each stage: every pair of the two, as a table."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from reconciler.decide.delivery.orders import ordered
from reconciler.errors import UsageError
from reconciler.model.delivery import Delivery, Hold, HoldReason, Order, Stage, Verb
from reconciler.model.progress import Progress, RolloutState
from tests.decide.builders import ROLLOUT, deployment, desired, rollout

CANARY: dict[str, Any] = {"canary": {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}]}}
GREEN: dict[str, Any] = {"blueGreen": {"activeService": "web"}}
TABLE = """
              first     stepping  finishing preview   switched  done      aborted
pause         held      held      held      held      held      held      held
resume        isn't     isn't     isn't     isn't     isn't     isn't     isn't
promote       no_update step+1    same      step=1    full      no_update no_update
promote-full  no_update full      full      full      full      no_update no_update
abort         no_update aborted   aborted   aborted   aborted   no_update no_update
retry         isn't     isn't     isn't     isn't     isn't     isn't     again
undo          no_known  aborted   aborted   aborted   aborted   back      is_back
"""
SAID = {"isn't": "isn't", "no_update": "no update under way", "no_known": "is known", "is_back": "is back"}
GREEN_STAGES = ("preview", "switched")


def _rows() -> list[tuple[Verb, Stage, str]]:
    head, *lines = TABLE.strip().splitlines()
    cells = [line.split() for line in lines]
    assert {row[0] for row in cells} == set(get_args(Verb))
    assert set(head.split()) == set(get_args(Stage))
    return [(row[0], stage, cell) for row in cells for stage, cell in zip(head.split(), row[1:], strict=True)]  # type: ignore[misc]  # asserted above


def _told(verb: Verb, way: Delivery, strategy: dict[str, Any] = CANARY) -> RolloutState:
    state = RolloutState(
        template_hash="new",
        phase="progressing",
        number=2,
        started_at=1.0,
        progressed_at=1.0,
        stable_hash="new" if way.stage == "done" else "" if way.stage == "first" else "old",
        delivery=way,
    )
    progress, words = ordered(
        Progress(rollouts={ROLLOUT: state}),
        Order(about=ROLLOUT, verb=verb, who="ada@desk", at=9.0),
        desired(rollout(strategy)),
    )
    assert words.startswith("Rollout default/web: ")
    return progress.rollouts[ROLLOUT]


def _way(stage: Stage, *holds: HoldReason, **more: object) -> Delivery:
    way = Delivery(stage=stage, previous_hash="old" if stage == "done" else "")
    return msgspec.structs.replace(way, holds=tuple(Hold(reason=r, since=1.0) for r in holds), **more)


@pytest.mark.parametrize(("verb", "stage", "comes_to"), _rows())
def test_every_verb_at_every_stage(verb: Verb, stage: Stage, comes_to: str) -> None:
    before = _way(stage)
    strategy: dict[str, Any] = GREEN if stage in GREEN_STAGES else CANARY
    if comes_to in SAID:
        with pytest.raises(UsageError, match=SAID[comes_to]) as error:
            _told(verb, before, strategy)
        assert error.value.remedy
        return
    state = _told(verb, before, strategy)
    way = state.delivery
    assert way is not None
    (decision,) = way.decisions
    assert (decision.verb, decision.who, decision.at, decision.number) == (verb, "ada@desk", 9.0, 2)
    plain = msgspec.structs.replace(way, decisions=())
    changes: dict[str, dict[str, Any]] = {
        "held": {"holds": (Hold(reason="order", since=9.0, message="by ada@desk"),)},
        "step+1": {"step": before.step + 1},
        "step=1": {"step": 1},
        "full": {"full": True},
        "same": {},
    }
    if comes_to in changes:
        assert plain == msgspec.structs.replace(before, **changes[comes_to])
        return
    assert way.stage == ("stepping" if comes_to == "again" else "aborted")
    assert state.phase == ("progressing" if comes_to == "again" else "failed")
    assert way.attempt == (comes_to == "again")
    assert state.stable_hash == "old"


def test_a_retry_of_a_blue_green_begins_with_its_preview() -> None:
    way = _told("retry", _way("aborted", active_hash="old"), GREEN).delivery
    assert way is not None
    assert way.stage == "preview"


@pytest.mark.parametrize(
    ("verb", "reason", "step", "attempt"),
    [
        ("resume", "order", 1, 0),
        ("resume", "step", 2, 0),
        ("resume", "inconclusive", 2, 1),
        ("resume", "forgotten", 1, 0),
        ("promote", "order", 2, 0),
        ("promote", "step", 2, 0),
        ("promote", "inconclusive", 2, 1),
        ("promote", "forgotten", 1, 0),
    ],
)
def test_what_holds_it_holds_it_no_more(verb: Verb, reason: HoldReason, step: int, attempt: int) -> None:
    """At a pause. A background analysis that couldn't tell begins anew."""
    way = _told(verb, _way("stepping", reason, step=1)).delivery
    assert way is not None
    assert (way.holds, way.step, way.attempt) == ((), step, attempt)


def test_paused_twice() -> None:
    with pytest.raises(UsageError, match="is paused already"):
        _told("pause", _way("stepping", "order"))


def test_what_the_manifest_pauses_no_order_resumes() -> None:
    state = RolloutState(
        template_hash="new",
        phase="paused",
        number=1,
        started_at=1.0,
        progressed_at=1.0,
        delivery=Delivery(stage="stepping"),
    )
    order = Order(about=ROLLOUT, verb="resume", who="ada@desk", at=9.0)
    with pytest.raises(UsageError, match="paused by its manifest"):
        ordered(Progress(rollouts={ROLLOUT: state}), order, desired(rollout(CANARY, paused=True)))


def test_what_is_not_delivered_takes_no_orders() -> None:
    key = deployment().key
    order = Order(about=key, verb="pause", who="ada@desk", at=9.0)
    with pytest.raises(UsageError, match="isn't delivered step by step") as error:
        ordered(Progress(), order, desired(deployment(), rollout(CANARY)))
    assert str(ROLLOUT) in str(error.value.remedy)
    with pytest.raises(UsageError, match="hasn't begun"):
        ordered(Progress(), msgspec.structs.replace(order, about=ROLLOUT), desired(rollout(CANARY)))


def test_only_the_newest_decisions_are_kept() -> None:
    way = _way("stepping")
    for _ in range(15):
        after = _told("pause", way).delivery
        assert after is not None
        resumed = _told("resume", after).delivery
        assert resumed is not None
        way = resumed
    assert len(way.decisions) == 20
