"""Blue-green on real nodes: the switch, its undoing and its memory, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reconciler.lab import Lab
from tests.fleet.lossless import witnessed
from tests.fleet.networking import get
from tests.fleet.rollouts import SOON_S, Course, delivering, rollout, services
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

AT_ONCE_S = 5.0
"""Mostly a tenth of a second; what waits for anything (a set that is warm, a full pass) takes far longer."""


def blue_green(image: str, *, number: int = 0) -> str:
    """Versions of another number are others, though they look alike: none of them is warm yet."""
    strategy = """
    blueGreen:
      activeService: app
      previewService: app-preview
      autoPromotionEnabled: false
      scaleDownDelaySeconds: 60
"""  # it is still warm when a reconciler has been killed and started twice on a busy machine
    return rollout(image, strategy, env=f"{{name: NUMBER, value: '{number}'}}") + services("app-preview")


@pytest.fixture(scope="module")
def course(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    with delivering(lab, tmp_path_factory.mktemp("blue"), blue_green(apps["app:v1"])) as ready:
        yield ready


def previews(course: Course, version: str) -> None:
    """It can be looked at beforehand."""

    def seen() -> str:
        return get(f"http://{course.place.ip('app-preview')}/", at=course.place.lab.entering("pi-3"))[:2]

    until(lambda: seen() == version, f"{version} is the preview", course.tell, SOON_S)


def test_switched_and_undone_in_its_delay_nothing_is_lost(course: Course, apps: dict[str, str]) -> None:
    course.serves("v1")
    times = {}

    def switch() -> None:
        course.push(blue_green(apps["app:v2"]))
        course.reaches("Paused")
        previews(course, "v2")
        course.serves("v1")
        times["promote"] = time.time()
        course.order("promote")
        course.serves("v2")
        course.reaches("Healthy")

    found = witnessed(course, switch)
    found.lossless()
    assert found.last("v1") - times["promote"] < AT_ONCE_S

    def undo() -> None:
        pods = sorted(p.name for p in course.place.pods())
        times["undo"] = time.time()
        course.order("undo")
        course.serves("v1")
        assert course.reaches("Degraded").message.startswith("undone by")
        assert sorted(p.name for p in course.place.pods()) == pods

    found = witnessed(course, undo)
    found.lossless()
    assert found.last("v2") - times["undo"] < AT_ONCE_S


def test_killed_at_each_step_it_goes_on_where_it_was(course: Course, apps: dict[str, str]) -> None:
    old, new = course.versions()
    course.settle(blue_green(apps[f"app:{old}"]))

    def kill() -> None:
        course.push(blue_green(apps[f"app:{new}"]))
        course.again()  # at the very beginning
        before = course.reaches("Paused")
        course.again()
        course.is_again(before)
        course.serves(old)
        previews(course, new)
        course.order("promote")
        course.again()  # with the switch
        before = course.reaches("Healthy")
        course.again()  # while the old set is warm
        course.is_again(before)
        course.order("undo")
        course.again()
        course.reaches("Degraded")

    witnessed(course, kill).lossless()
    course.serves(old)


@pytest.mark.parametrize("switched", [False, True])
def test_after_loss_of_all_state_its_active_set_stays_until_told(
    course: Course, apps: dict[str, str], switched: bool
) -> None:
    """Before the switch, and while the old set is warm after it."""
    old, new = course.versions()
    active = new if switched else old
    wanted = blue_green(apps[f"app:{new}"], number=1 + switched)

    def lose() -> None:
        course.push(wanted)
        course.reaches("Paused")
        if switched:
            course.order("promote")
            course.reaches("Healthy")
        course.serves(active)
        pods = _pods(course, both := _pair(course))
        course.again(forget=True)
        stands = course.reaches("Paused")
        assert "was lost" in stands.message
        course.serves(active)
        previews(course, new)
        assert _pods(course, both) == pods
        course.order("resume")
        if not switched:
            course.reaches("Paused")
            course.serves(active)
            course.order("promote")
        course.reaches("Healthy")

    witnessed(course, lose).lossless()
    course.serves(new)


def _pods(course: Course, versions: set[str]) -> list[str]:
    """Of these: what is warm of an older test ends when its time is up."""
    return sorted(p.name for p in course.place.pods() if p.hash in versions)


def _pair(course: Course) -> set[str]:
    """The newest version, and the one beside it whose pods were made last."""
    sets = sorted(course.status().sets, key=lambda s: -s.number)
    return {s.template_hash for s in sets[:2]}
