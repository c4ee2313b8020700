"""Each row of the table in `stages` is taken by a case of its own; the text is the table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from reconciler.decide.delivery import stages
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.sight import Crowd, Sight
from reconciler.decide.delivery.way import Judged
from reconciler.model.delivery import AnalysisPhase, Delivery, Hold, RunRole
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import RolloutStrategy

NOW = 1000.0
ROUTED: dict[str, Any] = {
    "canary": {"trafficRouting": {}, "steps": [{"setWeight": 50}, {"pause": {}}, {"setWeight": 75}]}
}
GREEN: dict[str, Any] = {"blueGreen": {"activeService": "web", "autoPromotionEnabled": False}}
FAILED: dict[RunRole, AnalysisPhase] = {
    "background": "Failed",
    "pre-promotion": "Failed",
    "post-promotion": "Failed",
}
STEP = (Hold(reason="step", since=0.0),)

Case = tuple[dict[str, Any], dict[str, int], dict[RunRole, AnalysisPhase], dict[str, Any]]
"""The delivery, available pods by version (4 are wanted), how analyses stand, and what it comes to."""

CASES: dict[tuple[str, str], Case] = {
    ("first", "all pods are available"): ({}, {"new": 4}, {}, {"stage": "done"}),
    ("stepping", "an analysis has failed; the deadline aborts"): (
        {"canary_hash": "new", "weight": 50, "step": 1, "holds": STEP},
        {"old": 4, "new": 2},
        FAILED,
        {"stage": "aborted", "weight": 0, "holds": ()},
    ),
    ("stepping", "traffic is still with a canary of before"): (
        {"canary_hash": "older", "weight": 50},
        {"old": 1, "older": 2},
        {},
        {"stage": "stepping", "canary_hash": "older", "weight": 50},
    ),
    ("stepping", "the step is done"): (
        {"canary_hash": "new", "weight": 0},
        {"old": 4, "new": 2},
        {},
        {"stage": "stepping", "weight": 50, "step": 1},
    ),
    ("stepping", "no step is left, or promoted in full"): (
        {"canary_hash": "new", "weight": 75, "step": 3},
        {"old": 4, "new": 3},
        {},
        {"stage": "finishing", "weight": 75},
    ),
    ("finishing", "an analysis has failed; the deadline aborts"): (
        {"canary_hash": "new", "weight": 75},
        {"old": 4, "new": 3},
        FAILED,
        {"stage": "aborted", "weight": 0},
    ),
    ("finishing", "traffic is still with a canary of before"): (
        {"canary_hash": "older", "weight": 75, "full": True},
        {"old": 2, "older": 3},
        {},
        {"stage": "finishing", "canary_hash": "older", "weight": 34},
    ),
    ("finishing", "all pods are available, and have all of the traffic"): (
        {"canary_hash": "new", "weight": 75, "step": 3},
        {"old": 4, "new": 4},
        {},
        {"stage": "done", "previous_hash": "old", "retiring": {"old": NOW + 30}},
    ),
    ("preview", "its analysis has failed; the deadline aborts"): (
        {"active_hash": "old", "available_at": 1.0},
        {"old": 4, "new": 4},
        FAILED,
        {"stage": "aborted", "active_hash": "old"},
    ),
    ("preview", "it is the stable set, and active"): (
        {"active_hash": "new", "full": True},
        {"new": 4},
        {},
        {"stage": "done", "active_hash": "new"},
    ),
    ("preview", "it is active otherwise"): (
        {"active_hash": "new"},
        {"old": 4, "new": 4},
        {"post-promotion": "Running"},
        {"stage": "switched", "active_hash": "new"},
    ),
    ("preview", "judged well, and then promoted by time or somebody"): (
        {"active_hash": "old", "available_at": 1.0, "full": True, "holds": (*STEP,)},
        {"old": 4, "new": 4},
        {"post-promotion": "Running"},
        {"stage": "switched", "step": 1},
    ),
    ("preview", "after that, all pods are available"): (
        {"active_hash": "old", "step": 1},
        {"old": 4, "new": 4},
        {"post-promotion": "Running"},
        {"stage": "switched", "active_hash": "new"},
    ),
    ("switched", "its analysis has failed; the deadline aborts"): (
        {"active_hash": "new", "step": 1},
        {"old": 4, "new": 4},
        FAILED,
        {"stage": "aborted", "active_hash": "old"},
    ),
    ("switched", "judged well"): (
        {"active_hash": "new", "step": 1, "ended_at": 990.0},
        {"old": 4, "new": 4},
        {"post-promotion": "Successful"},
        {"stage": "done", "active_hash": "new", "retiring": {"old": 1020.0}},
    ),
    ("aborted", "the stable set can carry more of the traffic"): (
        {"canary_hash": "new", "weight": 75},
        {"old": 2, "new": 3},
        {},
        {"stage": "aborted", "weight": 34},
    ),
    ("done", "the time of a warm set is up"): (
        {"retiring": {"older": NOW - 1, "oldest": NOW + 9}},
        {"new": 4, "older": 4, "oldest": 4},
        {},
        {"stage": "done", "retiring": {"oldest": NOW + 9}},
    ),
}


def _table() -> list[tuple[str, str]]:
    """(stage, when) of each row of the text."""
    rows, stage = [], ""
    for line in (stages.__doc__ or "").splitlines():
        if "->" not in line or line.startswith("stage "):
            continue
        stage = line[:12].strip() or stage
        rows.append((stage, line[12:].partition("->")[0].strip()))
    return [row for row in rows if row[0] != "any"]


def _advanced(stage: str, case: Case, **recipe: Any) -> RolloutState:
    fields, pods, phases, _ = case
    green = stage in ("preview", "switched")
    way = Delivery(stage=stage, **fields)  # type: ignore[arg-type]  # from the table
    alone = stage in ("first", "done") or ("old" not in pods and "older" not in pods)
    stable = "" if stage == "first" else "new" if alone else "old"
    state = RolloutState(
        template_hash="new",
        phase="progressing",
        number=2,
        started_at=0.0,
        progressed_at=0.0,
        best=(0, 4),
        stable_hash=stable,
        delivery=way,
    )
    sight = Sight(
        template_hash="new",
        revision="",
        crowds={v: Crowd(count=max(n, 4 if v == stable else n), available=n) for v, n in pods.items()},
    )
    verdicts: Mapping[RunRole, Judged] = {r: Judged(name=r, phase=p) for r, p in phases.items()}
    strategy = msgspec.convert(GREEN if green else ROUTED, RolloutStrategy)
    plan = Recipe(strategy=strategy, replicas=4, **recipe)
    return stages.advance(state, plan, sight, lambda _: verdicts, NOW)


def test_every_row_has_its_case() -> None:
    assert _table() == list(CASES)


@pytest.mark.parametrize("row", CASES, ids=" ".join)
def test_a_row(row: tuple[str, str]) -> None:
    after = _advanced(row[0], CASES[row]).delivery
    wanted = CASES[row][3]
    assert {field: getattr(after, field) for field in wanted} == wanted


@pytest.mark.parametrize("row", [r for r in CASES if "deadline" in r[1]], ids=" ".join)
def test_the_deadline_aborts_if_it_is_told_to(row: tuple[str, str]) -> None:
    fields, pods, _, _ = CASES[row]
    few = {**pods, "new": 1}
    case: Case = ({**fields, "lacking_since": 1.0, "holds": ()}, few, {"post-promotion": "Running"}, {})
    kept = _advanced(row[0], case, deadline=600)
    assert kept.phase == "progressing"
    after = _advanced(row[0], case, deadline=600, deadline_abort=True)
    assert (after.phase, after.message) == ("failed", "no progress for 10m")


def test_a_stable_set_that_lacks_pods_is_no_reason_to_go_back_to_it() -> None:
    way = {"canary_hash": "new", "weight": 50, "step": 1, "lacking_since": 1.0}
    after = _advanced("stepping", (way, {"old": 1, "new": 2}, {}, {}), deadline=600, deadline_abort=True)
    assert after.phase == "progressing"


@pytest.mark.parametrize("stage", ["stepping", "finishing", "preview", "switched"])
@pytest.mark.parametrize("reason", ["order", "inconclusive", "forgotten"])
def test_while_it_is_held_nothing_goes_on(stage: str, reason: Any) -> None:
    holds = (Hold(reason=reason, since=1.0),)
    for (at, when), (fields, pods, phases, _) in CASES.items():
        if at == stage and "failed" not in when and "of before" not in when and "active" not in when:
            after = _advanced(stage, ({**fields, "full": False, "holds": holds}, pods, phases, {})).delivery
            assert after is not None
            assert (after.stage, after.weight) == (stage, fields.get("weight")), when
