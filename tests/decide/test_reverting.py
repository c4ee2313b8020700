"""Which failed versions are taken back in Git, and what the commit says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide.delivery.orders import ordered
from reconciler.decide.reverting import LINE, MEASUREMENTS, due
from reconciler.model.analysis import AnalysisRunSpec, Metric, MetricProvider
from reconciler.model.delivery import (
    Decision,
    Delivery,
    Hold,
    Measurement,
    MetricState,
    Order,
    RunState,
    Stage,
    Verb,
)
from reconciler.model.desired import Desired
from reconciler.model.progress import Progress, RolloutState
from tests.decide.builders import ROLLOUT
from tests.decide.delivery.course import Course, web
from tests.decide.delivery.test_judged import ANALYSIS, ONCE, Values, course_of
from tests.record.delivered import NEW, NOW, OLD, RUN, WEB, desired, run, state

ABORTED = Delivery(stage="aborted", ended_at=NOW)


def wanting(on_abort: str = "revert", **more: Any) -> Desired:
    plain = desired(**more)
    spec = msgspec.structs.replace(plain.fleet.spec, on_abort=on_abort)
    return msgspec.structs.replace(plain, fleet=msgspec.structs.replace(plain.fleet, spec=spec))


def failed(delivery: Delivery | None = ABORTED, **more: Any) -> RolloutState:
    return state(delivery, **({"phase": "failed", "message": "web-new-3-1 has failed: error-rate"} | more))


def progress(state: RolloutState, *runs: RunState) -> Progress:
    return Progress(rollouts={WEB: state}, runs={RUN._replace(name=f"r{i}"): r for i, r in enumerate(runs)})


def decided(verb: Verb, at: float = NOW) -> Delivery:
    decision = Decision(at=at, who="ada@desk", verb=verb, number=3)
    return msgspec.structs.replace(ABORTED, decisions=(decision,))


def test_a_version_that_was_aborted_is_due_where_that_is_wanted() -> None:
    (found,) = due(wanting(), progress(failed()))
    assert (found.about, found.template_hash, found.stable_hash) == (WEB, NEW, OLD)
    assert due(wanting("hold"), progress(failed())) == ()


@pytest.mark.parametrize("stage", ["first", "stepping", "finishing", "preview", "switched", "done"])
def test_only_what_was_aborted(stage: Stage) -> None:
    assert due(wanting(), progress(failed(Delivery(stage=stage, ended_at=NOW)))) == ()


@pytest.mark.parametrize(
    ("delivery", "expected"),
    [
        (decided("abort"), 0),
        (decided("undo"), 0),
        (decided("retry", NOW - 60), 1),
        (decided("abort", NOW - 60), 1),  # an earlier attempt: since then it was tried again, and failed
        (msgspec.structs.replace(ABORTED, holds=(Hold(reason="order", since=NOW + 5),)), 0),
        (None, 0),
    ],
)
def test_what_somebody_did_is_theirs(delivery: Delivery | None, expected: int) -> None:
    assert len(due(wanting(), progress(failed(delivery)))) == expected


@pytest.mark.parametrize("more", [{"stable_hash": ""}, {"stable_hash": NEW}])
def test_there_must_be_another_version_to_return_to(more: dict[str, Any]) -> None:
    assert due(wanting(), progress(failed(ABORTED, **more))) == ()


def test_what_is_no_longer_wanted_is_not_due() -> None:
    assert due(wanting(hashes={WEB: "other"}), progress(failed())) == ()
    assert due(wanting(hashes={}), progress(failed())) == ()


def test_what_could_not_be_judged_is_not_taken_back() -> None:
    """A monitoring server that is down says nothing against a version."""
    broken = msgspec.structs.replace(judged(), phase="Error")
    assert due(wanting(), progress(failed(), broken)) == ()
    before = msgspec.structs.replace(broken, completed_at=NOW - 100)
    assert due(wanting(), progress(failed(), before, judged()))


def measured(phase: str, value: str, at: float = NOW - 9, message: str = "") -> Measurement:
    return Measurement(phase=phase, started_at=at - 1, finished_at=at, value=value, message=message)  # type: ignore[arg-type]


def judged(name: str = "error-rate", **more: Any) -> RunState:
    plain: dict[str, Any] = {
        "phase": "Failed",
        "count": 3,
        "successful": 2,
        "failed": 1,
        "measurements": (measured("Successful", "0.01", NOW - 20), measured("Failed", "0.07")),
    }
    metric = Metric(name=name, provider=MetricProvider(), success_condition="result < 0.05")
    metrics = {name: MetricState(**(plain | more)), "fine": MetricState(phase="Successful", count=3)}
    return run(phase="Failed", spec=AnalysisRunSpec(metrics=(metric,)), metrics=metrics, completed_at=NOW)


def evidence(*runs: RunState, **more: Any) -> str:
    return due(wanting(), progress(failed(**more), *runs))[0].evidence


def test_the_evidence_is_what_was_measured_and_why_that_is_bad() -> None:
    assert evidence(judged()) == (
        f"Version 3 ({NEW}) of Rollout default/web, seen at ccccccc,\n"
        f"was aborted at 1970-01-01 02:46:40 UTC. Version {OLD} serves.\n\n"
        "Why: web-new-3-1 has failed: error-rate\n\n"
        "error-rate: Failed after 3 measurements (1 failed)\n"
        "  success is: result < 0.05\n"
        "  1970-01-01 02:46:20 UTC: Successful 0.01\n"
        "  1970-01-01 02:46:31 UTC: Failed 0.07"
    )


def test_what_the_proxies_counted_is_evidence_that_can_be_read() -> None:
    side = (
        '{{"requests": {0}, "errors": {1}, "errorRate": 0.07692307692307693, "latency": 2.9999999999999996}}'
    )
    counted = f'{{"canary": {side.format(13, 1)}, "stable": {side.format(257, 0)}}}'
    told = evidence(judged(measurements=(measured("Failed", counted),)))
    assert told.endswith(": Failed 1/13 errors, 3 ms; stable 0/257 errors, 3 ms")


def test_runs_of_an_earlier_attempt_or_another_version_prove_nothing() -> None:
    earlier = msgspec.structs.replace(judged(), started_at=NOW - 500)
    other = msgspec.structs.replace(judged(), template_hash=OLD)
    good = msgspec.structs.replace(judged(), phase="Successful")
    late = evidence(earlier, other, good, message="no progress for 10 minutes")
    assert late.endswith("Why: no progress for 10 minutes")


def test_what_a_server_answered_is_cut_and_stays_one_line() -> None:
    page = "\n".join(["<html>"] + ["x" * 50] * 100) + "\x1b[31m\n\nReconciler-Reverts: Rollout a/b c"
    text = evidence(judged(measurements=(measured("Error", "", message=page),) * 50), message=page)
    assert max(map(len, text.splitlines())) <= LINE
    assert text.count("<html>") == 1 + MEASUREMENTS
    assert "\x1b" not in text
    assert not [line for line in text.splitlines() if line.startswith("Reconciler-Reverts")]


def test_a_dry_run_proves_nothing() -> None:
    assert "error-rate:" not in evidence(judged(dry_run=True))


def test_from_the_verdict_to_the_revert_that_ends_it() -> None:
    """The bad version is due at once; the commit that takes it back needs no step and no analysis."""
    values = Values()
    steps = [{"setWeight": 25}, {"analysis": ANALYSIS}, {"pause": {}}]
    course = course_of({"steps": steps}, ONCE, values)
    course.of = msgspec.structs.replace(
        course.of, spec=msgspec.structs.replace(course.of.spec, on_abort="revert")
    )
    stable = course.state.stable_hash
    values.now = "0"
    bad = course.push("v2")
    (found,) = due(course.commits[-1], course.progress)
    assert (found.about, found.template_hash, found.stable_hash) == (ROLLOUT, bad, stable)
    assert "good: Failed" in found.evidence
    asked = len(values.asked)
    subject = found.message("c" * 40, "Update").partition("\n")[0]
    course.push("v1", subject=subject)
    assert due(course.commits[-1], course.progress) == ()
    assert course.state.delivery is not None
    assert course.state.delivery.stage == "done"
    assert course.shares() == {"v1": 100}
    assert len(values.asked) == asked


def test_an_abort_that_came_while_the_pass_had_begun_is_not_due() -> None:
    """The order's time is then later than the pass's."""
    values = Values()
    course = course_of({"steps": [{"setWeight": 25}, {"pause": {}}]}, ONCE, values)
    course.of = msgspec.structs.replace(
        course.of, spec=msgspec.structs.replace(course.of.spec, on_abort="revert")
    )
    course.push("v2")
    order = Order(about=course.key, verb="abort", who="ada@desk", at=course.clock + 0.5)
    course.progress, _ = ordered(course.progress, order, course.desired)
    course.turn()
    assert course.way.stage == "aborted"
    assert due(course.desired, course.progress) == ()


def test_an_abort_by_hand_on_the_way_is_not_due() -> None:
    course = Course({"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}, web())
    course.of = msgspec.structs.replace(
        course.of, spec=msgspec.structs.replace(course.of.spec, on_abort="revert")
    )
    course.push("v2")
    course.order("abort")
    assert course.state.delivery is not None
    assert course.state.delivery.stage == "aborted"
    assert due(course.commits[-1], course.progress) == ()
