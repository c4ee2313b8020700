"""The picture of a delivery, as text."""

from __future__ import annotations

import io
import json
import time

import msgspec
import pytest
from rich.console import Console

from reconciler.cli.page import plain
from reconciler.cli.picture import drawn, drawn_table
from reconciler.cli.rollout_page import deliveries_table, delivery_line, delivery_page
from reconciler.model.delivery import Delivery, Hold, HoldReason, Measurement, MetricState, Stage
from reconciler.model.progress import Progress
from reconciler.record.deliveries import DeliveryStatus, StepLine, delivered, deliveries, delivery_status
from tests.record.delivered import (
    API,
    NEW,
    NOW,
    OLD,
    RUN,
    SHOP,
    WEB,
    both_sets,
    desired,
    paused,
    plan,
    run,
    seen,
    state,
    verdict,
)


def text(of: DeliveryStatus) -> str:
    return plain(delivery_page(of, NOW))


CANARY = """\
Rollout default/web: Paused
  paused at step 2
  it goes on by itself: 38s left
canary, version 3, step 2/5 pause 1m, 20 % of the requests to the canary
2 pods wanted, 1 updated, 3 ready, 3 available

   #  STEP                   LEFT
✔  1  setWeight 20
▶  2  pause 1m               38s left
   3  analysis error-rate
   4  setCanaryScale 2 pods
   5  pause until promoted

SET         VERSION  COMMIT   ROLE    READY  REQUESTS  NODES
7f9c000000  3        ccccccc  canary  1/1    20 %      pi-2: 1
5d8e000000  2        bbbbbbb  stable  2/2    80 %      pi-1: 1, pi-2: 1

ANALYSIS     OF      PHASE    METRIC         ✔  ✖  LAST
web-new-3-1  step 3  Running  error-rate     3  1  0.07
                              try (dry run)

AGE    WHO       SAID   OF VERSION
1m15s  ada@desk  retry  3"""


def test_a_canary() -> None:
    judged = run(metrics={**run().metrics, "try": MetricState(dry_run=True)})
    assert text(seen(state(paused()), runs={RUN: judged})) == CANARY


BLUE_GREEN = """\
Rollout default/shop: Progressing
  1 of 2 pods updated, 3 available
blue-green, version 3
2 pods wanted, 1 updated, 3 ready, 3 available

   #  STEP
✔  1  preview behind shop-next, 2 pods
✔  2  pause 1m
▶  3  shop moves to it, 2 pods
   4  the set of before stays warm for 30s

SET         VERSION  COMMIT   ROLE    READY  ENDS      NODES
7f9c000000  3        ccccccc  active  1/1              pi-2: 1
5d8e000000  2        bbbbbbb  stable  2/2    30s left  pi-1: 1, pi-2: 1"""


def test_a_blue_green_after_its_switch() -> None:
    switched = Delivery(stage="switched", active_hash=NEW, retiring={OLD: NOW + 30})
    assert text(seen(state(switched), SHOP)) == BLUE_GREEN


ABORTED = """\
Rollout default/web: Degraded
  aborted: error-rate is Failed
  `reconciler rollout retry web -n default` tries it again; a changed manifest is tried by itself
canary, version 3, 0 % of the requests to the canary
2 pods wanted, 1 updated, 3 ready, 3 available

   #  STEP
✔  1  setWeight 20
✔  2  pause 1m
✖  3  analysis error-rate
   4  setCanaryScale 2 pods
   5  pause until promoted

SET         VERSION  COMMIT   ROLE    READY  REQUESTS  ENDS      NODES
7f9c000000  3        ccccccc  canary  1/1    0 %       18s left  pi-2: 1
5d8e000000  2        bbbbbbb  stable  2/2    100 %               pi-1: 1, pi-2: 1"""


def test_one_that_was_aborted_says_what_to_do() -> None:
    delivery = Delivery(stage="aborted", step=2, weight=0, ended_at=NOW - 12)
    assert text(seen(state(delivery, message="error-rate is Failed"))) == ABORTED


def test_one_that_was_aborted_and_paused_shows_that_too() -> None:
    """It keeps a revert from being pushed."""
    hold = Hold(reason="order", since=NOW, message="by ada@desk")
    delivery = Delivery(stage="aborted", step=2, weight=0, ended_at=NOW - 12, holds=(hold,))
    told = text(seen(state(delivery, message="error-rate is Failed"))).splitlines()
    assert told[0] == "Rollout default/web: Degraded"
    assert told[3] == "  paused by ada@desk; `reconciler rollout resume web -n default` ends that"


def test_a_pause_without_an_end_says_who_ends_it() -> None:
    delivery = Delivery(
        stage="stepping", step=4, holds=(Hold(reason="order", since=NOW, message="by ada@desk"),)
    )
    assert text(seen(state(delivery))).splitlines()[1:3] == [
        "  paused by ada@desk",
        "  `reconciler rollout resume web -n default` lets it go on, `abort` goes back",
    ]


@pytest.mark.parametrize(
    ("stage", "reasons", "words"),
    [
        (
            "stepping",
            ("step",),
            "`reconciler rollout promote web -n default` lets it go on, `abort` goes back",
        ),
        ("stepping", ("order", "step"), "`reconciler rollout promote web -n default` lets it go on, `abort`"),
        ("stepping", ("inconclusive",), "`reconciler rollout promote web -n default` lets it go on, `abort`"),
        ("done", ("order",), "`reconciler rollout resume web -n default` lets it go on"),
    ],
)
def test_what_waits_for_a_decision_is_promoted_and_what_was_paused_is_resumed(
    stage: Stage, reasons: tuple[HoldReason, ...], words: str
) -> None:
    holds = tuple(Hold(reason=reason, since=NOW) for reason in reasons)
    line = text(seen(state(Delivery(stage=stage, step=4, holds=holds)))).splitlines()[2]
    assert line.strip().startswith(words)
    assert ("abort" in line) == (stage == "stepping"), "where there is nothing to abort, it isn't offered"


def test_an_analysis_of_our_proxies_fits_a_terminal() -> None:
    counts = {
        "requests": 18,
        "errors": 18,
        "errorRate": 1.0,
        "requestRate": 3.528925901495827,
        "latency": 3.0,
    }
    value = json.dumps({"canary": counts, "stable": counts})
    measured = Measurement(phase="Failed", started_at=NOW, finished_at=NOW, value=value)
    metric = MetricState(phase="Failed", failed=2, message="2 failed (limit 1)", measurements=(measured,))
    key = RUN._replace(name="web-0760f8fe2a-3-background")
    judged = run(phase="Failed", role="background", step=None, metrics={"error-rate": metric})
    out = io.StringIO()
    page = delivery_page(seen(state(paused()), runs={key: judged}), NOW)
    Console(file=out, width=80).print(drawn(page, "Paused"))
    whole = " ".join(out.getvalue().split())
    for word in ("background", "Failed", "error-rate", "18/18"):
        assert word in whole


def test_without_a_reconciler_nothing_goes_on_by_itself() -> None:
    alone = msgspec.structs.replace(seen(state(paused())), running=False)
    lines = text(alone).splitlines()
    assert lines[2] == "  no reconciler runs on this machine: nothing goes on until one does"
    assert not any("by itself" in line for line in lines)
    assert delivery_line(alone).endswith(f"step 2 ({lines[2].strip()})")


def test_a_pause_that_something_else_holds_up_has_no_end() -> None:
    holds = (*paused().holds, Hold(reason="inconclusive", since=NOW))
    doubtful = text(seen(state(msgspec.structs.replace(paused(), holds=holds))))
    assert "left" not in doubtful


def test_the_list_says_why_on_a_narrow_terminal() -> None:
    steps = (StepLine(text="pause until promoted", mark="current"),)
    one = msgspec.structs.replace(seen(state(paused())), name="web-with-a-name", steps=steps, step=0)
    out = io.StringIO()
    Console(file=out, width=80).print(drawn_table(deliveries_table((one,))))
    words = out.getvalue().split()
    assert "WHY" in words
    assert {"paused", "at", "step", "2", "promoted"} <= set(words)


def test_before_it_was_taken_up() -> None:
    progress = Progress()
    found = delivery_status(desired(), both_sets(), progress, None, NOW, WEB)
    assert found is not None
    assert text(found).splitlines()[:3] == [
        "Rollout default/web: Progressing",
        "  it isn't taken up yet",
        "canary, no version yet",
    ]


def test_one_line_for_logs_and_pipes() -> None:
    web = seen(state(paused()))
    until = time.strftime("%H:%M:%S", time.localtime(NOW + 38))
    words = "Rollout default/web: Paused: step 2/5 pause 1m, paused at step 2"
    assert delivery_line(web) == f"{words} (until {until})"
    said = "step 2 of 5: setWeight 50; 1 of 2 pods of the canary available"
    going = msgspec.structs.replace(web, phase="Progressing", message=said, until=None)
    assert delivery_line(going) == f"Rollout default/web: Progressing: {said}"
    done = msgspec.structs.replace(web, phase="Healthy", message="", stage="done", until=None)
    assert delivery_line(done) == "Rollout default/web: Healthy"


def test_a_run_that_has_measured_nothing_yet_and_one_that_failed() -> None:
    failed = run(phase="Failed", message="error-rate failed 1 > 0", role="background", step=None, metrics={})
    (line,) = [row for row in text(seen(state(paused()), runs={RUN: failed})).splitlines() if "Failed" in row]
    assert line.split(None, 3) == ["web-new-3-1", "background", "Failed", "error-rate failed 1 > 0"]


def test_a_row_for_each_object() -> None:
    world = desired()
    progress = Progress(rollouts={WEB: state(paused()), API: state(Delivery(stage="aborted"), message="bad")})
    told = plan(progress, {WEB: verdict(), API: verdict()})
    table = deliveries_table(deliveries(world, both_sets(), progress, told, NOW, delivered(world)))
    rows = {row[0]: row for row in table.rows}
    assert table.columns == ("NAME", "STRATEGY", "PHASE", "STEP", "WEIGHT", "WHY")
    assert rows["Deployment default/api"][2:] == ("Degraded", "", "", "aborted: bad")
    assert rows["Rollout default/shop"][1:3] == ("blue-green", "Progressing")
    assert rows["Rollout default/web"][3] == "2/5 pause 1m"


def test_on_a_terminal_it_is_the_same_with_colours() -> None:
    page = delivery_page(seen(state(paused()), runs={RUN: run()}), NOW)
    out = io.StringIO()
    Console(file=out, width=120, color_system="standard", force_terminal=True).print(drawn(page, "Paused"))
    assert "\x1b[1;33mRollout default/web: Paused" in out.getvalue()
    narrow = io.StringIO()
    Console(file=narrow, width=200).print(drawn(page, "Paused"))
    words = narrow.getvalue().split()
    assert [word for word in plain(page).split() if word not in words] == []
