"""Blue-green and canary on real nodes, under load."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.lab import Lab
from tests.fleet.networking import Place, serving
from tests.fleet.rollouts import Course, rollout, services, shares

pytestmark = pytest.mark.fleet

CANARY = """
    canary:
      canaryService: app-canary
      stableService: app-stable
      trafficRouting: {}
      scaleDownDelaySeconds: 1
      steps: [{setWeight: 1}, {pause: {}}, {setWeight: 5}, {pause: {}}, {setWeight: 20}, {pause: {}},
              {setWeight: 50}, {pause: {}}]
"""


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    text = rollout(apps["app:v1"], CANARY) + services("app-stable", "app-canary")
    with serving(lab, tmp_path_factory.mktemp("rollout"), text) as ready:
        yield ready


def test_weights_are_exact(place: Place, apps: dict[str, str]) -> None:
    """10,000 requests each: within three sigma of 1, 5, 20 and 50 %, with 2 stable and 1 canary pod."""
    course = Course(place)
    course.push(rollout(apps["app:v2"], CANARY) + services("app-stable", "app-canary"))
    for step, weight in ((1, 1), (3, 5), (5, 20), (7, 50)):
        course.reaches("Paused", step=step)
        found = shares(course.url(), 10_000)
        expected, sigma = 100 * weight, (10_000 * weight / 100 * (1 - weight / 100)) ** 0.5
        assert sum(found.values()) == 10_000
        assert abs(found["v2"] - expected) <= 3 * sigma, found
        course.order("promote")
    course.reaches("Healthy")
    assert set(shares(course.url(), 100)) == {"v2"}
