"""Deliveries as small values: phases, steps, sets, analyses, and what they are called."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.errors import UsageError
from reconciler.model.delivery import Delivery, Hold
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.plan import Verdict
from reconciler.model.progress import Attempt, Progress, RolloutState
from reconciler.model.rollout import BlueGreenStrategy, RolloutStrategy
from reconciler.record.deliveries import (
    DeliveryStatus,
    SetLine,
    delivered,
    deliveries,
    delivery_status,
    find,
)
from reconciler.record.deliveries.phase import phase_of
from reconciler.record.deliveries.runs import run_lines
from reconciler.record.deliveries.stages import stage_lines
from tests.record.delivered import (
    API,
    BLUE_GREEN,
    CANARY,
    NEW,
    NOW,
    OLD,
    RUN,
    SHOP,
    WEB,
    both_sets,
    desired,
    observed,
    paused,
    pod,
    rollout,
    run,
    seen,
    state,
    verdict,
)


def sets(of: DeliveryStatus) -> dict[str, SetLine]:
    return {one.template_hash: one for one in of.sets}


HOLD = Hold(reason="order", since=1.0, message="by ada@desk")
COMPLETE = {"phase": "complete", "stable_hash": NEW}


@pytest.mark.parametrize(
    ("of", "judged", "phase", "words"),
    [
        (None, None, "Progressing", "it isn't taken up yet"),
        (state(Delivery(stage="stepping")), verdict(), "Progressing", "1 of 2 pods updated, 3 available"),
        (state(Delivery(stage="stepping")), verdict(message="step 2"), "Progressing", "step 2"),
        (state(paused()), verdict("paused"), "Paused", "paused at step 2"),
        (state(Delivery(stage="stepping", holds=(HOLD,))), None, "Paused", "paused by ada@desk"),
        (state(Delivery(stage="stepping"), phase="paused"), None, "Paused", "spec.paused is true"),
        (state(Delivery(stage="aborted"), message="error-rate"), None, "Degraded", "aborted: error-rate"),
        (state(Delivery(stage="aborted", holds=(HOLD,))), None, "Degraded", "aborted"),
        (state(Delivery(stage="aborted"), message="aborted by ada@desk"), None, "Degraded", "aborted by ada"),
        (state(Delivery(stage="aborted"), message="undone by ada@desk"), None, "Degraded", "undone by ada"),
        (state(Delivery(stage="stepping"), phase="failed", message="slow"), None, "Degraded", "slow"),
        (state(Delivery(stage="stepping")), verdict("failed", "no image"), "Degraded", "no image"),
        (state(Delivery(stage="done"), **COMPLETE), verdict("converged"), "Healthy", ""),
        (state(Delivery(stage="first"), **COMPLETE), None, "Healthy", ""),
        (state(Delivery(stage="done"), **COMPLETE), verdict(message="healing"), "Progressing", "healing"),
        (state(Delivery(stage="done")), verdict("converged"), "Progressing", "1 of 2"),
        (state(Delivery(stage="done", retiring={OLD: NOW}), **COMPLETE), verdict(updated=2), "Healthy", ""),
        (state(Delivery(stage="done"), **COMPLETE), verdict(updated=2), "Progressing", "2 of 2"),
        (
            state(Delivery(stage="done", retiring={OLD: NOW}), **COMPLETE),
            verdict(updated=2, available=2),
            "Progressing",
            "2 of 2",
        ),
    ],
)
def test_a_phase_and_why(of: RolloutState | None, judged: Verdict | None, phase: str, words: str) -> None:
    found = phase_of(of, judged)
    assert found[0] == phase
    assert words in found[1]
    assert not found[1].startswith(("aborted: aborted", "aborted: undone"))


def test_a_canary_in_the_middle_of_its_steps() -> None:
    web = seen(state(paused()), runs={RUN: run()})
    assert (web.phase, web.message, web.stage, web.step) == ("Paused", "paused at step 2", "stepping", 1)
    assert [s.mark for s in web.steps] == ["done", "current", "next", "next", "next"]
    assert web.until == web.steps[1].until == NOW + 38
    new, old = sets(web)[NEW], sets(web)[OLD]
    assert (new.roles, new.number, new.weight, new.ready, new.total) == (("canary",), 3, 20, 1, 1)
    assert (old.roles, old.number, old.weight, old.nodes) == (("stable",), 2, 80, {"pi-1": 1, "pi-2": 1})
    assert [s.template_hash for s in web.sets] == [NEW, OLD]
    (judged,) = web.runs
    (metric,) = judged.metrics
    assert (judged.role, judged.step, metric.successful, metric.failed, metric.value) == (
        "step",
        2,
        3,
        1,
        "0.07",
    )
    assert web.decisions == paused().decisions


def test_a_pause_for_ever_or_by_somebody_has_no_end() -> None:
    for delivery in (
        Delivery(stage="stepping", step=4, step_since=NOW, weight=20),
        msgspec.structs.replace(paused(), holds=(*paused().holds, HOLD)),
    ):
        assert seen(state(delivery)).until is None


def test_where_it_was_aborted_and_where_it_is_over() -> None:
    aborted = seen(state(Delivery(stage="aborted", step=2, weight=0)))
    assert [s.mark for s in aborted.steps][1:4] == ["done", "stopped", "next"]
    done = seen(
        state(Delivery(stage="done", step=5, weight=0), stable_hash=NEW), pods=observed([pod(WEB, 0, NEW)])
    )
    assert {s.mark for s in done.steps} == {"done"}
    assert (sets(done)[NEW].roles, sets(done)[NEW].weight) == (("stable",), 100)


def test_without_weights_pods_share_alike() -> None:
    web = seen(state(Delivery(stage="stepping")))
    assert [one.weight for one in web.sets] == [None, None]


def test_the_first_version_is_new_and_others_are_old() -> None:
    first = seen(
        state(Delivery(stage="first"), stable_hash="", history=()), pods=observed([pod(WEB, 0, NEW)])
    )
    assert (sets(first)[NEW].roles, sets(first)[NEW].number) == (("new",), 0)
    retiring = Delivery(stage="stepping", retiring={"older": NOW + 30})
    third = observed([pod(WEB, 0, "older"), pod(WEB, 1, "older", terminating=True)])
    older = sets(seen(state(retiring), pods=third))["older"]
    assert (older.roles, older.total, older.ends_at) == (("old",), 1, NOW + 30)


ASKED = {
    "autoPromotionEnabled": False,
    "prePromotionAnalysis": {"templates": [{"templateName": "smoke"}]},
    "postPromotionAnalysis": {"templates": [{"templateName": "errors"}]},
}
PRE, POST = (run(role=role, step=None, owner=SHOP) for role in ("pre-promotion", "post-promotion"))
GOOD = msgspec.structs.replace(PRE, phase="Successful")
LATER = {OLD: NOW + 30}
WAITS = (Hold(reason="step", since=NOW - 20),)


@pytest.mark.parametrize(
    ("way", "runs", "at", "mark"),
    [
        (Delivery(stage="preview"), (), "preview behind shop-next, 2 pods", "current"),
        (Delivery(stage="preview", available_at=NOW), (PRE,), "analysis smoke", "current"),
        (Delivery(stage="preview", available_at=NOW), (GOOD,), "pause until promoted", "current"),
        (Delivery(stage="preview", available_at=NOW, step=1), (GOOD,), "shop moves to it, 2 pods", "current"),
        (Delivery(stage="switched", step=1, retiring=LATER), (GOOD, POST), "analysis errors", "current"),
        (Delivery(stage="done", step=1, retiring=LATER), (GOOD,), "the set of before stays warm", "current"),
        (Delivery(stage="aborted", available_at=NOW), (PRE,), "analysis smoke", "stopped"),
        (Delivery(stage="aborted", step=1), (GOOD, POST), "analysis errors", "stopped"),
        (Delivery(stage="aborted", step=1), (GOOD,), "shop moves to it, 2 pods", "stopped"),
    ],
)
def test_the_stages_of_a_blue_green_and_where_it_is(way: Delivery, runs: Any, at: str, mark: str) -> None:
    of = state(way)
    found = run_lines(Progress(runs={RUN._replace(name=str(i)): r for i, r in enumerate(runs)}), SHOP, of)
    strategy = msgspec.convert(BLUE_GREEN["blueGreen"] | ASKED, BlueGreenStrategy)
    lines = list(stage_lines(strategy, 2, of, found))
    assert len(lines) == 6
    (here,) = [n for n, line in enumerate(lines) if line.mark in ("current", "stopped")]
    assert lines[here].text.startswith(at)
    assert lines[here].mark == mark
    assert [line.mark for line in lines] == ["done"] * here + [mark] + ["next"] * (5 - here)


@pytest.mark.parametrize(
    "of", [None, state(None), state(Delivery(stage="first")), state(Delivery(stage="done"))]
)
def test_a_blue_green_with_nothing_to_come_has_no_stages(of: RolloutState | None) -> None:
    strategy = msgspec.convert(BLUE_GREEN["blueGreen"], BlueGreenStrategy)
    assert list(stage_lines(strategy, 2, of, ())) == []


def test_stages_that_end_by_time_say_when() -> None:
    shop = seen(state(Delivery(stage="preview", available_at=NOW - 90, holds=WAITS)), SHOP)
    assert [s.until for s in shop.steps] == [None, NOW + 40, None, None]
    done = seen(state(Delivery(stage="done", step=1, retiring=LATER)), SHOP)
    assert done.steps[-1].until == NOW + 30
    full = seen(state(Delivery(stage="preview", full=True)), SHOP)
    assert [s.text.split()[0] for s in full.steps] == ["preview", "shop", "the"], "what takes time is skipped"


def test_a_blue_green_before_and_after_the_switch() -> None:
    preview = Delivery(stage="preview", active_hash=OLD, available_at=NOW - 90, holds=WAITS)
    shop = seen(state(preview), SHOP)
    assert [sets(shop)[h].roles for h in (OLD, NEW)] == [("stable", "active"), ("preview",)]
    assert (shop.strategy, shop.until, shop.weight) == ("blueGreen", NOW + 40, None)
    switched = seen(state(Delivery(stage="switched", active_hash=NEW, retiring={OLD: NOW + 30})), SHOP)
    assert [sets(switched)[h].roles for h in (OLD, NEW)] == [("stable",), ("active",)]
    assert (sets(switched)[OLD].ends_at, switched.until) == (NOW + 30, None)


def test_pods_on_a_lost_node_are_not_ready() -> None:
    def looked(since: float | None) -> Observed:
        nodes = both_sets(WEB).nodes
        return Observed([msgspec.structs.replace(nodes["pi-1"], lost_since=since), nodes["pi-2"]])

    assert [sets(seen(state(paused()), pods=looked(t)))[OLD].ready for t in (NOW - 9, NOW - 900)] == [2, 1]


def test_what_judged_the_same_pods_for_an_earlier_commit_is_not_shown() -> None:
    before = run(started_at=NOW - 5000)
    web = seen(state(paused()), runs={RUN._replace(name="web-new-1-1"): before, RUN: run()})
    assert [line.name for line in web.runs] == ["web-new-3-1"]


def test_a_pod_that_could_not_be_started_counts_as_one_that_is_not_ready() -> None:
    record = pod(WEB, 7, NEW).record
    attempt = Attempt(record=record, count=1, reason="E", message="no", first_at=1.0, retry_at=2.0)
    web = seen(state(paused()), attempts={record.key: attempt})
    assert (sets(web)[NEW].ready, sets(web)[NEW].total) == (1, 2)


def test_without_a_plan_the_pods_are_counted() -> None:
    progress = Progress(rollouts={WEB: state(paused())})
    web = delivery_status(desired(), both_sets(), progress, None, NOW, WEB)
    assert web is not None
    assert (web.desired, web.updated, web.ready) == (2, 1, 3)
    fresh = delivery_status(desired(), observed(), Progress(), None, NOW, WEB)
    assert fresh is not None
    assert (fresh.stage, fresh.number, fresh.message, fresh.sets) == (None, 0, "it isn't taken up yet", ())


def test_what_is_delivered() -> None:
    world = desired()
    assert delivered(world) == (API, SHOP, WEB)
    plain = msgspec.structs.replace(world, strategies={})
    assert delivered(plain) == (SHOP, WEB)
    assert delivery_status(plain, observed(), Progress(), None, NOW, API) is None
    found = deliveries(plain, observed(), Progress(), None, NOW, (API, WEB))
    assert [one.key for one in found] == [WEB]


def test_a_value_that_survives_json() -> None:
    web = seen(state(paused()), runs={RUN: run()})
    assert msgspec.json.decode(msgspec.json.encode(web), type=DeliveryStatus) == web


OTHER = Key("Rollout", "prod", "web")
SAME = Key("Deployment", "default", "web")


@pytest.mark.parametrize(
    ("name", "namespace", "found"),
    [
        ("api", None, API),
        ("deployment/api", "default", API),
        ("deploy/web", None, SAME),
        ("rollout/web", "prod", OTHER),
        ("ro/web", "default", WEB),
        ("Rollout/web", "default", WEB),
        ("web", "prod", OTHER),
    ],
)
def test_a_name_that_is_one_object(name: str, namespace: str | None, found: Key) -> None:
    assert find((API, SAME, WEB, OTHER), name, namespace) == found


@pytest.mark.parametrize(
    ("known", "name", "namespace", "said"),
    [
        ((WEB, OTHER), "web", None, "Rollout default/web, Rollout prod/web are all called so"),
        ((WEB, OTHER), "web", None, "`web -n default`"),
        ((WEB, SAME), "web", None, "`deployment/web -n default`"),
        ((WEB, API), "wep", None, "there is Deployment default/api, Rollout default/web"),
        ((WEB, API), "web", "prod", "in namespace prod"),
        ((WEB,), "deployment/web", None, "nothing of that name"),
        ((), "web", None, "step by step; nor is anything else"),
        ((WEB,), "pod/web", None, '"pod" is no kind that is delivered'),
        ((WEB,), "web2", None, "reconciler.io/strategy"),
    ],
)
def test_a_name_that_is_none_or_several(
    known: tuple[Key, ...], name: str, namespace: str | None, said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        find(known, name, namespace)
    assert said in str(raised.value)


def test_a_strategy_without_steps_has_none() -> None:
    bare = desired(
        workloads={WEB: rollout(WEB, {"canary": {}}), SHOP: rollout(SHOP, BLUE_GREEN)}, strategies={}
    )
    progress = Progress(rollouts={WEB: state(Delivery(stage="finishing"))})
    web = delivery_status(bare, both_sets(), progress, None, NOW, WEB)
    assert web is not None
    assert (web.steps, web.max_weight, web.until) == ((), 100, None)
    assert RolloutStrategy().canary is None


@pytest.mark.parametrize(
    ("key", "delay", "until"),
    [(WEB, None, NOW + 30), (WEB, 5, NOW + 5), (WEB, 0, None), (SHOP, 7, NOW + 7), (SHOP, 0, None)],
)
def test_how_long_an_aborted_set_stays(key: Key, delay: int | None, until: float | None) -> None:
    later = {} if delay is None else {"abortScaleDownDelaySeconds": delay}
    assert aborted(key, **later) == {NEW: until, OLD: None}


@pytest.mark.parametrize("plain", [{"trafficRouting": None}, {"dynamicStableScale": True}])
def test_an_aborted_set_that_goes_at_once(plain: dict[str, Any]) -> None:
    assert aborted(WEB, **plain) == {NEW: None, OLD: None}


def aborted(key: Key, **how: Any) -> dict[str, float | None]:
    """Until when each version stays."""
    name = "canary" if key == WEB else "blueGreen"
    given = CANARY if key == WEB else BLUE_GREEN
    world = desired(workloads={key: rollout(key, {name: given[name] | how})}, strategies={})
    progress = Progress(rollouts={key: state(Delivery(stage="aborted", ended_at=NOW))})
    seen = delivery_status(world, both_sets(key), progress, None, NOW, key)
    assert seen is not None
    return {s.template_hash: s.ends_at for s in seen.sets}


def test_a_newer_commit_in_the_middle_leaves_the_weight_with_the_canary_that_has_it() -> None:
    delivery = Delivery(stage="stepping", weight=20, canary_hash="middle")
    web = seen(state(delivery), pods=observed([pod(WEB, 0, h) for h in (OLD, "middle", NEW)]))
    assert {s.template_hash: s.weight for s in web.sets} == {OLD: 80, "middle": 20, NEW: 0}
