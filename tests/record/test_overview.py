"""The short picture of the fleet: what a person looks at first."""

from __future__ import annotations

import re

import msgspec
import pytest

from reconciler.model.delivery import Delivery
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed, PodState
from reconciler.model.plan import Plan, Wait
from reconciler.model.progress import Attempt, Progress
from reconciler.model.revision import Revision
from reconciler.record.overview import PodLine, overview
from tests.record import delivered
from tests.record.test_status import FLEET, pod

WEB = Key("Deployment", "default", "web")

DESIRED = Desired(fleet=FLEET, revision=Revision(id="a" * 40, subject="Bump web"))


def pods(seen: tuple[PodState, ...], *attempts: Attempt) -> list[PodLine]:
    progress = Progress(attempts={a.record.key: a for a in attempts})
    plan = Plan(revision="a" * 40, progress=progress)
    observed = Observed([NodeState(name="pi-1", reachable=True, pods=seen)])
    return list(overview("home", observed, 100.0, desired=DESIRED, plan=plan).pods)


def attempt(of: PodState, count: int = 1) -> Attempt:
    said = "manifest unknown"
    return Attempt(
        record=of.record, count=count, reason="ErrImagePull", message=said, first_at=5.0, retry_at=9.0
    )


def test_a_pod_that_is_on_no_node_because_its_image_cannot_be_pulled_is_shown_with_why() -> None:
    fine, bad = pod("web-new-0"), pod("web-new-1")
    (first, second) = pods((fine,), attempt(bad))
    assert (first.status, first.message) == ("Running", "")
    assert (second.name, second.node) == ("web-new-1", "pi-1")
    assert (second.status, second.message) == ("ErrImagePull", "manifest unknown")
    assert (second.ready, second.containers) == (0, 1)


def test_from_the_second_try_on_the_status_is_what_kubectl_shows() -> None:
    (line,) = pods((), attempt(pod("web-new-1"), count=2))
    assert line.status == "ImagePullBackOff"


def test_a_pod_that_is_half_made_says_why_it_goes_no_further() -> None:
    half = msgspec.structs.replace(pod("web-new-1"), phase="Pending", reason="ContainerCreating", ready=False)
    (line,) = pods((half,), attempt(half))
    assert line.status == "ErrImagePull"


def test_while_it_is_tried_again_it_is_being_created() -> None:
    busy = msgspec.structs.replace(pod("p"), phase="Pending", reason="ContainerCreating", busy=True)
    (line,) = pods((busy,), attempt(busy))
    assert line.status == "ContainerCreating"


def test_what_is_waited_for_says_until_when() -> None:
    wait = Wait(
        subject="node pi-2", because="it is lost; its pods are replaced elsewhere then", until=3600.0 * 24
    )
    plan = Plan(revision="a" * 40, waits=(wait, Wait(subject="pod p", because="it isn't ready yet")))
    timed, plain = overview("home", Observed(), 100.0, desired=DESIRED, plan=plan).waits
    assert re.fullmatch(r"wait for node pi-2 until \d\d:\d\d:00: it is lost; .* elsewhere then", timed)
    assert plain == "wait for pod p: it isn't ready yet"


def test_moments_are_by_peoples_clocks_when_the_loops_time_stood_still_meanwhile() -> None:
    lost = NodeState(name="pi-1", reachable=False, lost_since=90.0)
    wait = Wait(subject="node pi-1", because="it is lost then", until=130.0)
    plan = Plan(revision="a" * 40, waits=(wait,))
    early, late = (overview("home", Observed([lost]), 100.0, plan=plan, ahead=a) for a in (0.0, 3600.0))
    assert [seen.nodes[0].lost_since for seen in (early, late)] == [90.0, 3690.0]
    assert early.waits != late.waits


@pytest.mark.parametrize("until", [3e11, 1e18, 1e30, float("inf")])
def test_a_wait_beyond_any_calendar_ends_nothing(until: float) -> None:
    """It is drawn by the loop, whose end it would be."""
    plan = Plan(revision="a" * 40, waits=(Wait(subject="pod p", because="it tolerates it", until=until),))
    (line,) = overview("home", Observed(), 100.0, desired=DESIRED, plan=plan).waits
    assert re.fullmatch(r"wait for pod p( until \d\d:\d\d:\d\d)?: it tolerates it", line)


def test_pods_of_a_node_that_does_not_answer_are_told_as_last_seen() -> None:
    lost = NodeState(name="pi-1", reachable=False, lost_since=90.0, pods=(pod("web-new-0"),))
    (line,) = overview("home", Observed([lost]), 100.0).pods
    assert (line.status, line.ready, line.containers) == ("Running", 0, 1)
    assert line.message == "as last seen: pi-1 doesn't answer"


@pytest.mark.parametrize(
    ("delivery", "where", "why"),
    [
        (delivered.paused(), "step 2/5 pause 1m, 20 %", "paused at step 2"),
        (Delivery(stage="stepping", step=2), "step 3/5 analysis error-rate", "1 of 2 pods updated"),
        (Delivery(stage="finishing", step=5), "finishing", "1 of 2 pods updated"),
        (Delivery(stage="done", step=5), "", "1 of 2 pods updated"),
        (Delivery(stage="aborted"), "aborted", "aborted: bad; `reconciler rollout retry web -n default`"),
    ],
)
def test_where_a_delivery_stands(delivery: Delivery, where: str, why: str) -> None:
    words = "bad" if delivery.stage == "aborted" else ""
    progress = Progress(rollouts={delivered.WEB: delivered.state(delivery, message=words)})
    plan = delivered.plan(
        progress, {delivered.WEB: delivered.verdict(), WEB: delivered.verdict(message="plain")}
    )
    seen = overview("home", delivered.both_sets(), delivered.NOW, desired=delivered.desired(), plan=plan)
    plain, web = seen.workloads
    assert (web.delivery, web.message.startswith(why)) == (where, True)
    assert (plain.delivery, plain.message) == ("", "plain")
