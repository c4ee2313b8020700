"""One run as a state machine: Argo Rollouts' rules as tables, and what holds for any course of events."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.analysis.run import with_measured
from reconciler.model.analysis import Metric
from reconciler.model.delivery import ENDED, RunState
from tests.decide.analysis.builders import NOW, came, metric, running

GOOD, BAD = "0.99", "0.5"


def course(run: RunState, outcomes: str, name: str = "rate") -> RunState:
    """`s` a good measurement, `f` a bad one, `i` one that lacks data, `e` an error; one a minute."""
    for number, outcome in enumerate(outcomes):
        at = NOW + 60.0 * number
        how: dict[str, Any] = {
            "s": {"value": GOOD},
            "f": {"value": BAD},
            "i": {"lacking": "too few requests"},
            "e": {"error": "refused"},
        }[outcome]
        run = with_measured(run, came(run, name, at=at, **how))
    return run


def rate(**fields: Any) -> Metric:
    return metric(**{"successCondition": "result >= 0.95", **fields})


COURSES = [
    # what the metric says, what comes, the metric's phase then
    ({}, "", "Pending"),
    ({}, "s", "Successful"),
    ({}, "f", "Failed"),
    ({}, "i", "Inconclusive"),
    ({}, "e", "Running"),
    ({}, "es", "Successful"),
    ({}, "eeee", "Running"),
    ({}, "eeeee", "Error"),
    ({"consecutiveErrorLimit": 0}, "e", "Error"),
    ({"interval": "1m"}, "ssssssssssss", "Running"),
    ({"interval": "1m", "count": 0}, "sss", "Running"),
    ({"interval": "1m", "count": 3}, "ss", "Running"),
    ({"interval": "1m", "count": 3}, "sss", "Successful"),
    ({"interval": "1m", "count": "3"}, "sss", "Successful"),
    ({"interval": "1m", "count": 3}, "sesees", "Successful"),
    ({"interval": "1m", "count": 3}, "sf", "Failed"),
    ({"interval": "1m", "count": 3, "failureLimit": 1}, "sf", "Running"),
    ({"interval": "1m", "count": 3, "failureLimit": 1}, "sfs", "Successful"),
    ({"interval": "1m", "count": 3, "failureLimit": 1}, "ff", "Failed"),
    ({"interval": "1m", "count": 3, "inconclusiveLimit": 1}, "isi", "Inconclusive"),
    ({"interval": "1m", "count": 3, "inconclusiveLimit": 1}, "iss", "Successful"),
    ({"interval": "1m", "count": 9}, "eeeeseeee", "Running"),
    ({"interval": "1m", "consecutiveSuccessLimit": 2, "failureLimit": -1}, "sfsffs", "Running"),
    ({"interval": "1m", "consecutiveSuccessLimit": 2, "failureLimit": -1}, "sfsffss", "Successful"),
    ({"interval": "1m", "consecutiveSuccessLimit": 2}, "s", "Running"),
    ({"interval": "1m", "consecutiveSuccessLimit": 2}, "ses", "Running"),
    (
        {"interval": "1m", "count": 3, "failureLimit": 1, "consecutiveSuccessLimit": 2},
        "sfs",
        "Inconclusive",
    ),
    (
        {"interval": "1m", "count": 3, "failureLimit": -1, "consecutiveSuccessLimit": 2},
        "sfs",
        "Failed",
    ),
]


@pytest.mark.parametrize(("fields", "outcomes", "phase"), COURSES)
def test_a_metric_is_assessed_as_in_argo_rollouts(fields: dict[str, Any], outcomes: str, phase: str) -> None:
    state = course(running(rate(**fields)), outcomes).metrics["rate"]
    assert state.phase == phase, state
    assert state.taken == len(outcomes)
    counts = (state.successful, state.failed, state.inconclusive, state.error)
    assert counts == tuple(map(outcomes.count, "sfie"))


CONDITIONS = [
    # success, failure, value, phase
    ("", "", "0.5", "Successful"),
    ("result > 1", "", "2", "Successful"),
    ("result > 1", "", "0", "Failed"),
    ("", "result > 1", "2", "Failed"),
    ("", "result > 1", "0", "Successful"),
    ("result > 5", "result < 1", "9", "Successful"),
    ("result > 5", "result < 1", "0", "Failed"),
    ("result > 5", "result < 1", "3", "Inconclusive"),
    ("result > 1", "result > 1", "3", "Failed"),
    ("result > 1", "", "NaN", "Failed"),
    ("isNaN(result)", "", "NaN", "Successful"),
    ("isInf(result[0])", "", "[-Infinity]", "Successful"),
    ("result[0] > 1", "", "[]", "Error"),
    ("result > 1", "", '"text"', "Error"),
    ("isNil(result)", "", "", "Successful"),
    ("result > 1", "", "not JSON", "Error"),
    ("result > 1", "", "[" * 100 + "]" * 100, "Error"),
]


@pytest.mark.parametrize(("success", "failure", "value", "phase"), CONDITIONS)
def test_conditions_judge_a_measurement(success: str, failure: str, value: str, phase: str) -> None:
    run = running(metric(successCondition=success, failureCondition=failure))
    measurement = with_measured(run, came(run, value=value)).metrics["rate"].measurements[0]
    assert measurement.phase == phase, measurement
    assert measurement.value == value


def test_a_value_that_is_far_too_deep_is_an_error_and_no_crash() -> None:
    run = running(metric(successCondition="result == result"))
    measurement = (
        with_measured(run, came(run, value="[" * 50_000 + "]" * 50_000)).metrics["rate"].measurements[0]
    )
    assert (measurement.phase, len(measurement.value)) == ("Error", 300)


def test_what_cannot_be_judged_names_condition_kind_and_reason() -> None:
    run = running(metric(successCondition="result[0] >= 0.95"))
    told = with_measured(run, came(run, value='{"a": 1}')).metrics["rate"].message
    assert told == (
        'successCondition "result[0] >= 0.95" can\'t be judged: the result is an object: '
        "an object has no places to count"
    )
    assert "there was no data" in with_measured(run, came(run, value="[]")).metrics["rate"].message


def test_a_failing_metric_ends_the_run_at_once_and_stops_the_others() -> None:
    run = course(running(rate(), rate(name="other", interval="1m")), "f")
    assert (run.phase, run.completed_at) == ("Failed", NOW)
    assert run.message == 'metric "rate": 1 failed (limit 0)'
    assert run.metrics["other"].phase == "Successful"
    assert run.metrics["other"].next_at is None


def test_a_run_is_as_good_as_all_of_its_metrics() -> None:
    run = course(running(rate(), rate(name="other")), "s")
    assert run.phase == "Running"
    assert course(run, "s", "other").phase == "Successful"


def test_a_dry_metric_never_counts_but_is_waited_for() -> None:
    run = running(rate(), rate(name="other"), dryRun=[{"metricName": "oth.*"}])
    run = course(run, "s")
    assert run.phase == "Running"
    run = course(run, "f", "other")
    assert run.phase == "Successful"
    assert (run.metrics["other"].phase, run.metrics["other"].dry_run) == ("Failed", True)


@pytest.mark.parametrize(
    ("fields", "outcome", "pause"),
    [
        ({"interval": "1m"}, "s", 60.0),
        ({"interval": "1m"}, "e", 10.0),
        ({"interval": "5s"}, "e", 5.0),
        ({}, "e", 10.0),
        ({"interval": "1h30m", "failureLimit": 3}, "f", 5400.0),
    ],
)
def test_when_it_is_measured_again(fields: dict[str, Any], outcome: str, pause: float) -> None:
    assert course(running(rate(**fields)), outcome).metrics["rate"].next_at == NOW + pause


def test_only_the_newest_measurements_are_kept() -> None:
    run = course(running(rate(interval="1m")), "s" * 30)
    assert (len(run.metrics["rate"].measurements), run.metrics["rate"].count) == (10, 30)
    rules = [{"metricName": "ra.*", "limit": 3}]
    few = course(running(rate(interval="1m"), measurementRetention=rules), "s" * 30)
    assert [m.finished_at - NOW for m in few.metrics["rate"].measurements] == [1620.0, 1680.0, 1740.0]


def test_a_long_value_is_cut_for_people() -> None:
    run = running(metric())
    kept = with_measured(run, came(run, value=f'"{"x" * 5000}"')).metrics["rate"].measurements[0].value
    assert len(kept) == 300
    assert kept.endswith("...")


def test_nobody_waits_for_an_old_or_a_strange_measurement() -> None:
    run = running(rate(interval="1m"))
    late = came(run, value=GOOD)
    once = with_measured(run, late)
    assert once is not run
    assert with_measured(once, late) is once, "the same again"
    assert with_measured(once, came(running(rate(name="x")), "x")) is once
    ended = course(run, "f")
    assert with_measured(ended, came(ended, value=GOOD)) is ended


@given(
    st.text("sfie", max_size=40),
    st.integers(0, 6),
    st.integers(-1, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(0, 3),
    st.booleans(),
)
def test_any_course_ends_or_waits_with_a_reason(
    outcomes: str, count: int, failure: int, inconclusive: int, errors: int, successes: int, dry: bool
) -> None:
    fields = {
        "count": count,
        "interval": "1m",
        "failureLimit": failure,
        "inconclusiveLimit": inconclusive,
        "consecutiveErrorLimit": errors,
        "consecutiveSuccessLimit": successes,
    }
    run = running(rate(**fields), dryRun=[{"metricName": "rate"}] if dry else [])
    run = course(run, outcomes)
    state = run.metrics["rate"]
    assert state.count == state.successful + state.failed + state.inconclusive
    assert state.taken <= len(outcomes)
    assert state.consecutive_error <= errors + 1
    if state.phase in ENDED:
        assert state.next_at is None
        assert state.phase == "Successful" or state.message
        assert run.phase == ("Successful" if dry else state.phase)
        assert run.completed_at is not None
        assert run.phase == "Successful" or run.message
    else:
        assert run.phase == "Running"
        assert state.next_at is not None and math.isfinite(state.next_at)
        assert not count or state.count < count
