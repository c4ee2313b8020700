"""What happened to deliveries, each thing said once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.loop.narrate import Narrator
from reconciler.loop.turn import Ordered, Turn
from reconciler.model.delivery import Delivery, Hold, Measurement, MetricState, Order, RunState
from reconciler.model.event import Event
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.progress import Progress, RolloutState
from tests.record.delivered import (
    NEW,
    NOW,
    OLD,
    RUN,
    SHOP,
    WEB,
    desired,
    observed,
    paused,
    plan,
    run,
    state,
    verdict,
)


def turn(
    before: RolloutState | None,
    after: RolloutState,
    key: Key = WEB,
    told: Verdict | None = None,
    **more: Any,
) -> Turn:
    progress = Progress(rollouts={key: after})
    return Turn(
        at=NOW,
        seconds=0.0,
        observed=observed(),
        desired=desired(),
        plan=plan(progress, {key: told or verdict()}),
        before=Progress(rollouts={key: before} if before else {}),
        **more,
    )


def events(of: Turn) -> list[Event]:
    return Narrator().tell(of)[1]


def told(of: Turn) -> list[tuple[str, str]]:
    return [(e.reason, e.message) for e in events(of) if e.about.kind in ("Rollout", "Deployment")]


def stepping(step: int, **more: Any) -> Delivery:
    return Delivery(stage="stepping", step=step, **more)


OLDER = state(Delivery(stage="done"), template_hash=OLD, number=2, phase="complete", stable_hash=OLD)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, state(stepping(0)), [("RolloutUpdated", f"version 3 ({NEW}) is to be delivered")]),
        (OLDER, state(stepping(0)), [("RolloutUpdated", f"version 3 ({NEW}) is to be delivered")]),
        (
            state(stepping(1), number=2, template_hash=OLD),
            state(stepping(0)),
            [
                ("RolloutSuperseded", f"version 2 ({OLD}) gave way to version 3, before its end"),
                ("RolloutUpdated", f"version 3 ({NEW}) is to be delivered"),
            ],
        ),
        (state(stepping(1)), state(stepping(1)), []),
        (
            state(stepping(0)),
            state(stepping(2, weight=20)),
            [
                ("RolloutStepCompleted", "step 1/5 completed (setWeight 20)"),
                ("RolloutStepCompleted", "step 2/5 completed (pause 1m)"),
                ("TrafficWeightUpdated", f"requests: 20 of 100 go to version 3 ({NEW})"),
            ],
        ),
        (
            state(stepping(3, weight=20, steps_hash="old")),
            state(stepping(1, weight=20, steps_hash="new")),
            [
                ("RolloutUpdated", "its steps have changed: it begins at the first of them"),
                ("RolloutStepCompleted", "step 1/5 completed (setWeight 20)"),
            ],
        ),
        (
            state(stepping(4, weight=20)),
            state(Delivery(stage="finishing", step=5, weight=100)),
            [
                ("RolloutStepCompleted", "step 5/5 completed (pause until promoted)"),
                ("TrafficWeightUpdated", f"requests: 100 of 100 go to version 3 ({NEW})"),
            ],
        ),
        (
            state(stepping(1)),
            state(Delivery(stage="finishing", step=5, full=True)),
            [("RolloutStepCompleted", "the steps from 2 on are skipped")],
        ),
        (
            state(Delivery(stage="finishing", weight=100)),
            state(Delivery(stage="done"), stable_hash=NEW),
            [("RolloutCompleted", f"version 3 ({NEW}) is the stable one now")],
        ),
        (
            state(stepping(2, weight=20)),
            state(Delivery(stage="aborted", step=2, weight=0), message="error-rate is Failed"),
            [
                ("TrafficWeightUpdated", f"requests: 0 of 100 go to version 3 ({NEW})"),
                ("RolloutAborted", f"version 3 ({NEW}) is aborted: error-rate is Failed"),
            ],
        ),
        (
            state(stepping(1)),
            state(stepping(1, holds=(Hold(reason="inconclusive", since=1.0, message="who knows"),))),
            [("RolloutPaused", "who knows")],
        ),
        (
            state(stepping(1)),
            state(Delivery(stage="aborted", step=1, weight=50), message="too slow"),
            [("RolloutAborted", f"version 3 ({NEW}) is aborted: too slow")],
        ),
        (
            state(paused()),
            state(Delivery(stage="aborted"), message="undone by ada@desk"),
            [("RolloutAborted", f"version 3 ({NEW}) is undone by ada@desk")],
        ),
        (state(paused()), state(paused(), message="still"), []),
        (state(stepping(1)), state(stepping(1, holds=(Hold(reason="order", since=1.0),))), []),
    ],
)
def test_what_a_canary_does(
    before: RolloutState | None, after: RolloutState, said: list[tuple[str, str]]
) -> None:
    found = told(turn(before, after))
    assert found == said


def test_the_switch_of_a_blue_green() -> None:
    before = state(Delivery(stage="preview", active_hash=OLD))
    after = state(Delivery(stage="switched", active_hash=NEW))
    words = f"service shop leads to version 3 ({NEW})"
    of = turn(before, after, SHOP)
    assert told(of) == [("SwitchService", words)]
    assert f"Rollout default/shop: {words}" in Narrator().tell(of)[0]


def test_an_abort_is_a_warning_and_its_line_is_the_verdicts() -> None:
    after = state(Delivery(stage="aborted"), message="too slow")
    of = turn(state(stepping(1)), after, told=verdict("failed", "aborted: too slow"))
    lines, happened = Narrator().tell(of)
    assert [(e.reason, e.type, e.revision) for e in happened] == [("RolloutAborted", "Warning", "c" * 40)]
    assert [line for line in lines if "too slow" in line] == [
        "Rollout default/web: failed: aborted: too slow"
    ]


def test_the_same_pass_again_says_nothing() -> None:
    narrator, after = Narrator(), state(stepping(2, weight=20))
    assert narrator.tell(turn(state(stepping(0)), after))[1]
    assert narrator.tell(turn(after, after)) == ([], [])


def test_also_a_new_reconciler_says_only_what_it_does_itself() -> None:
    aborted = state(Delivery(stage="aborted"), message="long ago")
    assert events(turn(aborted, aborted, told=verdict("failed", "long ago"))) == []


def test_that_its_pods_find_no_place_is_still_an_event() -> None:
    after = state(stepping(1))
    found = events(turn(after, after, told=verdict("blocked", "0/2 nodes fit")))
    assert [e.reason for e in found] == ["FailedScheduling"]


@pytest.mark.parametrize(
    ("verb", "reason"),
    [
        ("pause", "RolloutPaused"),
        ("resume", "RolloutResumed"),
        ("promote", "RolloutPromoted"),
        ("promote-full", "RolloutPromoted"),
        ("abort", "RolloutAborted"),
        ("retry", "RolloutRetried"),
        ("undo", "RolloutUndone"),
    ],
)
def test_every_order_is_an_event_with_who_and_what(verb: Any, reason: str) -> None:
    words = "so be it"
    order = Ordered(order=Order(about=WEB, verb=verb, who="ada@desk", at=NOW), words=words)
    same = state(stepping(1))
    lines, happened = Narrator().tell(turn(same, same, orders=(order,)))
    assert [(e.reason, e.message, e.about) for e in happened] == [
        (reason, f"ada@desk said {verb}: so be it", WEB)
    ]
    assert f"Rollout default/web: ada@desk said {verb}: so be it" in lines


def runs(before: RunState | None, after: RunState) -> list[tuple[str, str, str, str]]:
    same = state(stepping(2))
    plain = turn(same, same)
    progress = Progress(rollouts={WEB: same}, runs={RUN: after})
    was = Progress(rollouts={WEB: same}, runs={RUN: before} if before else {})
    of = msgspec.structs.replace(plain, plan=plan(progress), before=was)
    return [(e.about.kind, e.type, e.reason, e.message) for e in events(of)]


def measured(**more: Any) -> RunState:
    return run(metrics={"error-rate": MetricState(**more)})


def test_how_an_analysis_goes() -> None:
    fresh = measured()
    began = "analysis web-new-3-1 (of a step) is Running"
    assert runs(None, fresh) == [("Rollout", "Normal", "AnalysisRunRunning", began)]
    assert runs(fresh, measured(successful=1)) == []
    failed = msgspec.structs.replace(fresh, phase="Failed", message="error-rate failed 1 > 0")
    assert runs(fresh, failed) == [
        (
            "Rollout",
            "Warning",
            "AnalysisRunFailed",
            "analysis web-new-3-1 (of a step) is Failed: error-rate failed 1 > 0",
        )
    ]
    assert runs(failed, failed) == []


def test_a_measurement_that_was_not_good_says_what_was_found() -> None:
    bad = Measurement(phase="Failed", started_at=1.0, finished_at=2.0, value="0.07")
    odd = Measurement(phase="Error", started_at=3.0, finished_at=4.0, message="no route to host")
    after = measured(failed=1, error=2, measurements=(bad, odd))
    assert runs(measured(error=1), after) == [
        ("AnalysisRun", "Warning", "MeasurementFailed", "error-rate is Failed, 1 so far, value 0.07"),
        ("AnalysisRun", "Warning", "MeasurementError", "error-rate is Error, 2 so far: no route to host"),
    ]
    counted = (
        '{"canary": {"requests": 24, "errors": 1, "errorRate": 0.041666666666666, "latency": 2.99999999996},'
        ' "stable": {"requests": 460, "errors": 0, "errorRate": 0.0, "latency": 2.2499999999999996}}'
    )
    proxies = msgspec.structs.replace(bad, value=counted)
    found = "value 1/24 errors, 3 ms; stable 0/460 errors, 2.25 ms"
    assert runs(measured(), measured(failed=1, measurements=(proxies,)))[0][3].endswith(found)
    dry = measured(inconclusive=1, dry_run=True)
    assert runs(measured(), dry)[0][3] == "error-rate is Inconclusive (dry run), 1 so far"
