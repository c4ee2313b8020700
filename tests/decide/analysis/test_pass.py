"""Runs in a pass: asked for again until measured, waited for, ended, kept and forgotten."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide import decide
from reconciler.decide.analysis import after_measurement, assumed, plan_runs, pursue, terminate
from reconciler.model.analysis import AnalysisRun, Metric
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Measured, Plan
from reconciler.model.progress import Progress
from tests.decide.analysis.builders import (
    NOW,
    RUN,
    asked,
    begin_pass,
    came,
    metric,
    run_file,
    template,
    with_templates,
)
from tests.decide.builders import WEB, deployment, desired

OWN = Key("AnalysisRun", "default", "own")
CHECKS = with_templates(template("checks", {"name": "rate", "interval": "1m", "count": 2}))


def with_run(run: RunState, key: Key = RUN) -> Progress:
    return Progress(runs={key: run})


def test_a_measurement_is_asked_for_again_until_it_came() -> None:
    turn = begin_pass(CHECKS)
    run = pursue(turn, asked("checks", canary=("web-1",), stable=("web-0",), services=("web",)))
    first = turn.measures[0]
    assert (first.run, first.metric.name, first.number, first.interval) == (RUN, "rate", 0, 60.0)
    assert (first.canary, first.stable, first.services) == (("web-1",), ("web-0",), ("web",))
    again = begin_pass(CHECKS, with_run(run), NOW + 1)
    assert pursue(again, asked("checks")) is run, "nothing changed"
    assert again.measures[0].number == 0
    assert [str(w) for w in again.draft.waits] == [
        'wait for AnalysisRun default/web-run: metric "rate" is being measured'
    ]


def test_the_next_measurement_is_waited_for() -> None:
    run = pursue(begin_pass(CHECKS), asked("checks"))
    progress = after_measurement(with_run(run), came(run, value="1", at=NOW + 2))
    turn = begin_pass(CHECKS, progress, NOW + 3)
    assert pursue(turn, asked("checks")) is progress.runs[RUN]
    assert turn.measures == []
    assert [(w.because, w.until) for w in turn.draft.waits] == [('metric "rate" is measured again', NOW + 62)]
    due = begin_pass(CHECKS, progress, NOW + 62)
    pursue(due, asked("checks"))
    assert [(m.number, m.interval) for m in due.measures] == [(1, 60.0)]


def test_a_clock_that_is_set_back_holds_no_measurement_up() -> None:
    run = pursue(begin_pass(CHECKS), asked("checks"))
    progress = after_measurement(with_run(run), came(run, value="1", at=NOW + 2))
    turn = begin_pass(CHECKS, progress, NOW - 86_400)
    pursue(turn, asked("checks"))
    assert [m.number for m in turn.measures] == [1]


def test_an_error_is_told_while_the_next_try_is_waited_for() -> None:
    run = pursue(begin_pass(CHECKS), asked("checks"))
    progress = after_measurement(with_run(run), came(run, error="connection refused"))
    turn = begin_pass(CHECKS, progress, NOW + 1)
    pursue(turn, asked("checks"))
    assert [(w.because, w.until) for w in turn.draft.waits] == [
        ('metric "rate" is measured again, after an error: connection refused', NOW + 10)
    ]


def test_stale_and_strange_measurements_change_nothing() -> None:
    run = pursue(begin_pass(CHECKS), asked("checks"))
    progress = with_run(run)
    strange = Measured(run=OWN, metric="rate", number=0, started_at=NOW, finished_at=NOW, value="1")
    assert after_measurement(progress, strange) is progress
    done = after_measurement(progress, came(run, value="1"))
    assert after_measurement(done, came(run, value="1")) is done


def test_an_ended_run_stays_as_it_is() -> None:
    run = pursue(begin_pass(CHECKS), asked("none"))
    assert run.phase == "Error"
    turn = begin_pass(CHECKS, with_run(run), NOW + 5)
    assert pursue(turn, asked("checks")) is run
    terminate(turn, RUN, "the update was aborted")
    assert turn.runs[RUN] is run


def test_a_run_that_is_ended_early_is_successful_unless_it_failed() -> None:
    run = pursue(begin_pass(CHECKS), asked("checks"))
    turn = begin_pass(CHECKS, with_run(run), NOW + 5)
    terminate(turn, RUN, "the update was aborted")
    ended = turn.runs[RUN]
    assert (ended.phase, ended.message) == ("Successful", "it was ended: the update was aborted")
    assert (ended.completed_at, ended.metrics["rate"].phase) == (NOW + 5, "Successful")
    terminate(turn, OWN, "it isn't there")
    assert OWN not in turn.runs


def test_looking_ahead_takes_every_measurement_for_good() -> None:
    turn = begin_pass(CHECKS)
    progress = with_run(pursue(turn, asked("checks")))
    once = assumed(progress, turn.measures[0], NOW)
    assert assumed(once, turn.measures[0], NOW) is once, "it was made already"
    later = begin_pass(CHECKS, once, NOW + 60)
    pursue(later, asked("checks"))
    assert assumed(once, later.measures[0], NOW + 60).runs[RUN].phase == "Successful"
    assert assumed(Progress(), turn.measures[0], NOW) == Progress()


def own(*metrics: Metric, **spec: Any) -> Desired:
    given: AnalysisRun = run_file(*metrics, **spec)
    return msgspec.structs.replace(desired(deployment(replicas=0)), runs={given.key: given})


def step(whole: Desired, before: Plan | None, now: float) -> Plan:
    return decide(whole, Observed(), before.progress if before else Progress(), now)


def test_a_run_from_a_file_runs_once_until_the_file_changes() -> None:
    whole = own(metric())
    plan = step(whole, None, NOW)
    assert [str(m) for m in plan.measures] == ["measure rate of AnalysisRun default/own"]
    measured = Measured(run=OWN, metric="rate", number=0, started_at=NOW, finished_at=NOW, value="1")
    done = after_measurement(plan.progress, measured)
    again = decide(whole, Observed(), done, NOW + 100)
    assert again.progress is done
    assert (again.measures, again.progress.runs[OWN].phase) == ((), "Successful")
    changed = decide(own(metric(successCondition="result > 5")), Observed(), done, NOW + 200)
    assert changed.progress.runs[OWN].phase == "Running"
    gone = decide(desired(deployment(replicas=0)), Observed(), done, NOW + 300)
    assert gone.progress.runs == {}


def test_a_run_from_a_file_can_be_ended_there() -> None:
    plan = step(own(metric(interval="1m")), None, NOW)
    ended = step(own(metric(interval="1m"), terminate=True), plan, NOW + 5).progress.runs[OWN]
    assert (ended.phase, ended.message) == ("Successful", "it was ended: spec.terminate is true")


def test_a_run_from_a_file_that_is_wrong_is_told_in_a_note() -> None:
    plan = step(own(metric(interval="soon")), None, NOW)
    assert any("AnalysisRun default/own: Error: " in n and "interval" in n for n in plan.notes)


def test_arguments_of_a_run_from_a_file() -> None:
    asking = metric(provider={"web": {"url": "http://{{args.host}}/"}})
    plan = step(own(asking, args=[{"name": "host", "value": "a"}]), None, NOW)
    web = plan.measures[0].metric.provider.web
    assert web is not None and web.url == "http://a/"


@pytest.mark.parametrize(
    ("ttl", "value", "kept"),
    [
        ({"secondsAfterCompletion": 100}, "1", 100.0),
        ({"secondsAfterSuccess": 50, "secondsAfterCompletion": 100}, "1", 50.0),
        ({"secondsAfterFailure": 50, "secondsAfterCompletion": 100}, "0", 50.0),
        ({"secondsAfterFailure": 50}, "1", None),
    ],
)
def test_what_a_run_measured_is_forgotten_in_time_and_not_measured_anew(
    ttl: dict[str, int], value: str, kept: float | None
) -> None:
    whole = own(metric(successCondition="result == 1"), ttlStrategy=ttl)
    plan = step(whole, None, NOW)
    measured = Measured(run=OWN, metric="rate", number=0, started_at=NOW, finished_at=NOW, value=value)
    done = after_measurement(plan.progress, measured)
    before = decide(whole, Observed(), done, NOW + (kept or 1e6) - 1)
    assert before.progress.runs[OWN].metrics
    assert before.wake_at == (NOW + kept if kept else None)
    if kept:
        after = decide(whole, Observed(), done, NOW + kept)
        assert after.progress.runs[OWN].metrics == {}
        assert decide(whole, Observed(), after.progress, NOW + 1e6).measures == ()


def ended_runs(number: int, phase: str) -> dict[Key, RunState]:
    template = pursue(begin_pass(CHECKS), asked("checks"))
    return {
        Key("AnalysisRun", "default", f"{phase.lower()}-{n}"): msgspec.structs.replace(
            template, phase=phase, completed_at=NOW + n
        )
        for n in range(number)
    }


def test_five_of_each_kind_are_remembered_the_newest() -> None:
    before = Progress(runs=ended_runs(8, "Successful") | ended_runs(7, "Failed") | ended_runs(2, "Error"))
    turn = begin_pass(CHECKS, before, NOW + 100)
    plan_runs(turn)
    names = sorted(k.name for k in turn.runs)
    assert names == sorted([f"successful-{n}" for n in range(3, 8)] + [f"failed-{n}" for n in range(2, 7)])


def test_one_that_is_still_looked_at_counts_among_them_and_stays() -> None:
    before = Progress(runs=ended_runs(8, "Successful"))
    turn = begin_pass(CHECKS, before, NOW + 100)
    oldest = Key("AnalysisRun", "default", "successful-0")
    turn.runs[oldest] = before.runs[oldest]
    plan_runs(turn)
    assert sorted(k.name[-1] for k in turn.runs) == ["0", "4", "5", "6", "7"]


def test_runs_of_an_object_that_is_gone_are_forgotten() -> None:
    turn = begin_pass(desired(deployment("api")), Progress(runs=ended_runs(1, "Failed")))
    plan_runs(turn)
    assert turn.runs == {}


def test_a_run_that_nobody_asks_for_any_more_ends() -> None:
    run = pursue(begin_pass(CHECKS), asked("checks"))
    turn = begin_pass(CHECKS, with_run(run), NOW + 9)
    plan_runs(turn)
    assert (turn.runs[RUN].phase, turn.runs[RUN].owner) == ("Successful", WEB)
    assert "nothing asks for it any more" in turn.runs[RUN].message
