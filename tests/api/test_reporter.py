"""What the loop does reaches the journal, the metrics, followers and the overview."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

import msgspec
import pytest

from reconciler import supervision
from reconciler.api.reporter import Reporter
from reconciler.errors import SourceError, UsageError
from reconciler.loop.turn import Ordered, Turn
from reconciler.loop.wanted import Refusal
from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed
from reconciler.model.plan import Plan, Standing, Verdict
from reconciler.model.progress import Progress, RolloutState
from reconciler.model.revision import Revision
from reconciler.record.journal import Journal
from reconciler.record.store import Store
from reconciler.supervision import running
from tests.record import delivered
from tests.record.test_status import FLEET

WEB = Key("Deployment", "default", "web")
A, B = Revision(id="a" * 40, subject="Add web"), Revision(id="b" * 40)


@pytest.fixture
def reporter() -> Reporter:
    return Reporter("home", Journal(Store(None)), lambda: None)


def turn(revision: Revision, standing: Standing, at: float, message: str = "") -> Turn:
    verdict = Verdict(standing=standing, message=message, desired=1, available=int(standing == "converged"))
    phase = "failed" if standing == "failed" else "progressing"
    state = RolloutState(
        template_hash=revision.id[:3], phase=phase, number=1, started_at=1.0, progressed_at=1.0
    )
    plan = Plan(
        revision=revision.id,
        standing=standing,
        verdicts={WEB: verdict},
        progress=Progress(rollouts={WEB: state}),
    )
    observed = Observed([NodeState(name="pi-1", reachable=True)])
    desired = Desired(fleet=FLEET, revision=revision)
    return Turn(at=at, now=at, seconds=0.01, observed=observed, desired=desired, plan=plan)


def metric(reporter: Reporter, name: str) -> str:
    text = reporter.metrics.text().decode()
    return next(line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name))


def test_a_revision_from_its_first_line_to_its_end(reporter: Reporter) -> None:
    reporter.take(turn(A, "progressing", 10.0))
    reporter.take(turn(A, "converged", 12.0))
    lines = reporter.followers.read(A.id).lines
    assert lines[0] == "revision aaaaaaa Add web"
    assert lines[-1] == "exit: 0"
    (told,) = reporter._journal.history()
    assert (told.standing, told.seen_at, told.ended_at) == ("converged", 10.0, 12.0)
    assert metric(reporter, "reconciler_converged") == "1.0"
    assert reporter.overview().standing == "converged"


def test_a_failed_rollout_counts_once(reporter: Reporter) -> None:
    for at in (10.0, 11.0, 12.0):
        reporter.take(turn(A, "failed", at, "no image"))
    assert metric(reporter, "reconciler_rollouts_failed_total") == "1.0"
    assert "no image" in reporter.followers.read(A.id).lines[-1]
    assert reporter._journal.history()[0].standing == "failed"


def test_a_newer_revision_supersedes(reporter: Reporter) -> None:
    reporter.take(turn(A, "progressing", 10.0))
    reporter.take(turn(B, "converged", 11.0))
    assert reporter.followers.read(A.id).lines[-1] == "exit: 1 superseded by bbbbbbb"
    assert [r.standing for r in reporter._journal.history()] == ["converged", "superseded"]


def test_a_refused_revision_is_answered_at_once(reporter: Reporter) -> None:
    refusal = Refusal(revision=B, error=SourceError("web.yaml:3 no image"))
    reporter.take(Turn(at=10.0, seconds=0.0, observed=Observed(), refusal=refusal))
    assert reporter.followers.read(B.id).lines[-1].startswith("exit: 1 refused")
    seen = reporter.overview()
    assert (seen.refused, seen.standing) == (B.id, "unknown")
    assert "is refused" in seen.why


def test_a_source_that_fails_counts_once_while_it_fails(reporter: Reporter) -> None:
    error = SourceError("timed out")
    for at in (1.0, 2.0):
        reporter.take(Turn(at=at, seconds=0.0, observed=Observed(), source_error=error))
    assert metric(reporter, "reconciler_source_errors_total") == "1.0"


def test_health(reporter: Reporter, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reporter.healthy() == (False, "starting")
    reporter.take(turn(A, "converged", 10.0))
    assert reporter.healthy()[0], "whatever people's clocks show"
    long_after = running() + 3600
    monkeypatch.setattr("reconciler.api.reporter.running", lambda: long_after)
    assert not reporter.healthy()[0], "its last pass was an hour ago"
    assert reporter.overview().fleet == "home"


def test_the_objects_have_a_version_that_grows_only_with_a_change(reporter: Reporter) -> None:
    assert reporter.objects()["items"] == []
    reporter.take(turn(A, "progressing", 10.0))
    first = reporter.objects()
    assert "Node" in {item["kind"] for item in first["items"]}
    reporter.take(turn(A, "progressing", 11.0))
    assert reporter.objects() == first


def test_the_nodes_are_told_as_last_seen(reporter: Reporter) -> None:
    assert reporter.observed() == ()
    reporter.take(turn(A, "converged", 10.0))
    assert [node.name for node in reporter.observed()] == ["pi-1"]


def test_blocked_for_a_moment_is_not_the_end(reporter: Reporter) -> None:
    reporter.take(turn(A, "blocked", 10.0, "0/1 nodes fit"))
    assert not reporter.followers.read(A.id).ended
    reporter.take(turn(A, "progressing", 11.0))
    reporter.take(turn(A, "blocked", 12.0, "0/1 nodes fit"))
    assert not reporter.followers.read(A.id).ended
    reporter.take(turn(A, "blocked", 17.0, "0/1 nodes fit"))
    assert reporter.followers.read(A.id).ended


@pytest.mark.parametrize("left", ["failed", "blocked"])
def test_a_pause_that_ends_by_itself_is_followed_though_another_object_was_left(
    reporter: Reporter, left: Standing
) -> None:
    def seen(at: float, *, asks: bool) -> Turn:
        one = turn(A, left, at, "aborted by me")
        assert one.plan is not None
        paused = Verdict(standing="paused", message="paused at step 2", desired=1, asks=asks)
        verdicts = {**one.plan.verdicts, Key("Rollout", "default", "shop"): paused}
        return msgspec.structs.replace(one, plan=msgspec.structs.replace(one.plan, verdicts=verdicts))

    reporter.take(seen(10.0, asks=False))
    reporter.take(seen(60.0, asks=False))
    assert not reporter.followers.read(A.id).ended
    reporter.take(seen(61.0, asks=True))
    reporter.take(seen(90.0, asks=True))
    assert reporter.followers.read(A.id).ended


def test_deliveries_are_told_as_of_the_last_pass_and_orders_go_to_the_loop() -> None:
    given: list[Order] = []

    def take(order: Order) -> Future[str]:
        given.append(order)
        return Future()

    told = Reporter("home", Journal(Store(None)), lambda: None, order=take)
    order = Order(about=delivered.WEB, verb="pause", who="ada@desk", at=1.0)
    assert told.rollouts() is None
    told.order(order)
    assert given == [order]
    progress = Progress(rollouts={delivered.WEB: delivered.state(delivered.paused())})
    seen = Turn(
        at=delivered.NOW,
        seconds=0.0,
        observed=delivered.both_sets(),
        desired=delivered.desired(),
        plan=delivered.plan(progress),
        orders=(Ordered(order=order, words="paused"),),
    )
    told.take(seen)
    assert [s.name for s in told.rollouts() or ()] == ["api", "shop", "web"]
    (web,) = told.rollouts(delivered.WEB) or ()
    assert (web.phase, web.at) == ("Paused", delivered.NOW)
    assert told.rollouts(Key("Rollout", "default", "gone")) == ()
    events = told._journal.events(delivered.WEB)
    assert "ada@desk said pause: paused" in [e.event.message for e in events]


def test_who_takes_no_orders_says_so(reporter: Reporter) -> None:
    with pytest.raises(UsageError, match="nobody takes orders here"):
        reporter.order(Order(about=WEB, verb="pause", who="ada@desk", at=1.0)).result(0)


def test_a_thread_that_is_stuck_makes_the_daemon_unhealthy(
    reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    reporter.take(turn(A, "converged", time.time()))
    assert reporter.healthy()[0]
    monkeypatch.setattr(supervision, "PATIENCE_S", 0.0)
    begun, over = threading.Event(), threading.Event()

    def work() -> None:
        supervision.sign_of_life(0.0)
        begun.set()
        over.wait()

    thread = supervision.Supervised("watch-pi-1", work)
    thread.start()
    try:
        assert begun.wait(60)
        assert metric(reporter, 'reconciler_thread_silent_seconds{thread="watch-pi-1"}')
        assert metric(reporter, 'reconciler_thread_failures_total{thread="watch-pi-1"}') == "0.0"
        well, line = reporter.healthy()
        assert (well, "watch-pi-1 has given no sign of life for" in line) == (False, True)
    finally:
        over.set()
        thread.join(60)
