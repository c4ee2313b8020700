"""Canaries on real nodes: exact shares, header routes, and nothing is lost on any way that one can take."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reconciler.lab import Lab
from reconciler.record.deliveries import DeliveryStatus
from tests.fleet.ingresses import ingress
from tests.fleet.lossless import witnessed
from tests.fleet.rollouts import SOON_S, Course, delivering, near, rollout, services, shares
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

HOST = "app.test"
INSIDER = "X-Insider: yes"
EVERY_SHARE = "[{setWeight: 1}, {pause: {}}, {setWeight: 5}, {pause: {}}, {setWeight: 20}, {pause: {}}, \
{setWeight: 50}, {pause: {}}]"
BY_HEADER = "[{setCanaryScale: {replicas: 1}}, \
{setHeaderRoute: {name: insiders, match: [{headerName: X-Insider, headerValue: {exact: 'yes'}}]}}, \
{pause: {}}, {setWeight: 20}, {pause: {}}, {setCanaryScale: {matchTrafficWeight: true}}, \
{setWeight: 60}, {pause: {}}]"
HALF = "[{setWeight: 50}, {pause: {}}]"


def canary(image: str, steps: str, routing: str = "{}") -> str:
    strategy = f"""
    canary:
      canaryService: app-canary
      stableService: app-stable
      trafficRouting: {routing}
      scaleDownDelaySeconds: 1
      abortScaleDownDelaySeconds: 1
      steps: {steps}
"""
    front = ingress("front", {HOST: {"/": "app-stable"}})
    return rollout(image, strategy) + services("app-stable", "app-canary") + front


@pytest.fixture(scope="module")
def course(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    with delivering(lab, tmp_path_factory.mktemp("rollout"), canary(apps["app:v1"], HALF)) as ready:
        yield ready


def test_weights_are_exact(course: Course, apps: dict[str, str]) -> None:
    """10,000 requests each: within three sigma of 1, 5, 20 and 50 %, with 2 stable and 1 canary pods."""
    course.settle(canary(apps["app:v1"], EVERY_SHARE))
    course.push(canary(apps["app:v2"], EVERY_SHARE))
    for step, weight in ((1, 1), (3, 5), (5, 20), (7, 50)):
        course.reaches("Paused", step=step)
        until(lambda w=weight: _settled(course, w), f"{weight} % are in force", course.tell, SOON_S)  # type: ignore[misc]
        found = shares(course.url(), 10_000)
        expected, sigma = 100 * weight, (10_000 * weight / 100 * (1 - weight / 100)) ** 0.5
        assert sum(found.values()) == 10_000
        assert abs(found["v2"] - expected) <= 3 * sigma, found
        course.order("promote")
    course.reaches("Healthy")
    course.serves("v2")


def _settled(course: Course, weight: int) -> bool:
    """Where nobody else asks, every share comes out whole."""
    return abs(shares(course.url(), 400)["v2"] - 4 * weight) <= 2


def at_ingress(course: Course, requests: int, *headers: str) -> dict[str, int]:
    return shares(f"http://{course.place.lab.node('pi-1').ip}/", requests, host=HOST, headers=headers)


def test_promoted_step_by_step_nothing_is_lost_and_headers_lead_to_the_canary(
    course: Course, apps: dict[str, str]
) -> None:
    """`trafficRouting: {}`: through every Ingress in front of stableService."""
    routing = "{managedRoutes: [{name: insiders}]}"
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"], BY_HEADER, routing))

    def promote() -> None:
        course.push(canary(apps[f"app:{new}"], BY_HEADER, routing))
        course.reaches("Paused", step=2)
        for ask in (lambda *headers: shares(course.url(), 50, headers=headers), _ingress(course)):
            until(lambda ask=ask: dict(ask(INSIDER)) == {new: 50}, "the route is there", course.tell, SOON_S)  # type: ignore[misc]
            assert (dict(ask()), dict(ask("X-Insider: no"))) == ({old: 50}, {old: 50})
        course.order("promote")
        course.reaches("Paused", step=4)
        for ask in (lambda: shares(course.url(), 100), lambda: at_ingress(course, 100)):
            until(lambda ask=ask: near(ask(), new, 20), "a fifth is the canary's", course.tell, SOON_S)  # type: ignore[misc]
        course.order("promote")
        course.reaches("Paused", step=7)
        course.order("promote")
        course.reaches("Healthy")

    found = witnessed(course, promote, HOST)
    found.lossless()
    assert all(r.versions == {old, new} for r in found.results.values())
    course.serves(new)
    until(lambda: set(at_ingress(course, 50)) == {new}, "all come by the Ingress", course.tell, SOON_S)


def _ingress(course: Course):  # type: ignore[no-untyped-def]
    return lambda *headers: at_ingress(course, 50, *headers)


def test_aborted_in_the_middle_nothing_is_lost_and_the_canary_gets_nothing_more(
    course: Course, apps: dict[str, str]
) -> None:
    """`nginx`: through the Ingress that it names."""
    routing = "{nginx: {stableIngress: front}}"
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"], HALF, routing))
    given = 0.0

    def abort() -> None:
        nonlocal given
        course.push(canary(apps[f"app:{new}"], HALF, routing))
        course.reaches("Paused", step=1)
        course.gives(new, 50)
        until(lambda: near(at_ingress(course, 100), new, 50), "half comes there", course.tell, SOON_S)
        given = time.time()
        course.order("abort")
        stands = course.reaches("Degraded")
        assert "aborted by" in stands.message and stands.decisions[-1].verb == "abort"
        course.serves(old)
        until(lambda: set(at_ingress(course, 50)) == {old}, "none comes by the Ingress", course.tell, SOON_S)

    found = witnessed(course, abort, HOST)
    found.lossless()
    assert all(r.versions == {old, new} for r in found.results.values())
    assert found.last(new) - given < 5.0, "a client that stayed with it would have held its pod for longer"


def test_a_reverting_commit_brings_back_the_version_before_without_steps(
    course: Course, apps: dict[str, str]
) -> None:
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"], HALF))
    course.settle(canary(apps[f"app:{new}"], HALF))
    before = course.status().number

    def revert() -> None:
        course.clone.git("revert", "--no-edit", "HEAD")
        course.pushed()
        course.reaches("Healthy")

    witnessed(course, revert, HOST).lossless()
    stands = course.status()
    course.serves(old)
    assert stands.number == before + 1


def test_killed_at_each_step_it_goes_on_where_it_was(course: Course, apps: dict[str, str]) -> None:
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"], EVERY_SHARE))

    def kill() -> None:
        course.push(canary(apps[f"app:{new}"], EVERY_SHARE))
        course.again()  # at the very beginning
        for step, weight in ((1, 1), (3, 5), (5, 20), (7, 50)):
            before = whole(course, step)
            course.again()
            assert course.is_again(before).weight == weight
            course.order("promote")
        course.again()  # while the last of v1 goes
        course.reaches("Healthy")

    found = witnessed(course, kill, HOST)
    found.lossless()
    course.serves(new)


def whole(course: Course, step: int) -> DeliveryStatus:
    """It waits there with its pods alone: of what was stable before some may still have to go."""

    def alone(now: DeliveryStatus) -> bool:
        pods = sorted((one.ready, one.total) for one in now.sets)
        return now.phase == "Paused" and now.step == step and pods == [(1, 1), (2, 2)]

    return course.stands(alone, f"it is paused at step {step}, with two stable pods and one canary")


def test_after_loss_of_all_state_it_holds_its_weight_until_told(course: Course, apps: dict[str, str]) -> None:
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"], EVERY_SHARE))

    def lose() -> None:
        course.push(canary(apps[f"app:{new}"], EVERY_SHARE))
        for step in (1, 3):
            course.reaches("Paused", step=step)
            course.order("promote")
        whole(course, 5)
        course.gives(new, 20)
        until(lambda: len(course.place.pods()) == 3, "no others are left", course.tell)
        pods = sorted(p.name for p in course.place.pods())
        course.again(forget=True)
        stands = course.reaches("Paused")
        assert (stands.weight, "was lost" in stands.message) == (20, True), course.tell()
        course.gives(new, 20)
        assert sorted(p.name for p in course.place.pods()) == pods
        course.order("resume")
        assert course.reaches("Paused", step=5).weight == 20
        course.order("promote-full")
        course.reaches("Healthy")

    witnessed(course, lose, HOST).lossless()
    course.serves(new)
