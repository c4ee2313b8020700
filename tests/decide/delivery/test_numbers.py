"""Numbers of pods for a weight. Expected values: Argo Rollouts' table of basic canaries."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.recover import Traces, remembered
from reconciler.decide.delivery.scale import nearest
from reconciler.decide.delivery.sight import Crowd, Sight
from reconciler.model.rollout import RolloutStrategy

TABLE = [
    # replicas, weight, surge -> canary, stable
    (1, 0, 0, 0, 1),
    (1, 1, 0, 0, 1),
    (1, 49, 0, 0, 1),
    (1, 50, 0, 1, 0),
    (1, 99, 0, 1, 0),
    (1, 100, 0, 1, 0),
    (1, 0, 1, 0, 1),
    (1, 1, 1, 1, 1),
    (1, 49, 1, 1, 1),
    (1, 50, 1, 1, 1),
    (1, 99, 1, 1, 1),
    (1, 100, 1, 1, 0),
    (2, 0, 0, 0, 2),
    (2, 1, 0, 1, 1),
    (2, 50, 0, 1, 1),
    (2, 99, 0, 1, 1),
    (2, 100, 0, 2, 0),
    (2, 0, 1, 0, 2),
    (2, 1, 1, 1, 2),
    (2, 50, 1, 1, 1),
    (2, 99, 1, 2, 1),
    (2, 100, 1, 2, 0),
    (3, 10, 0, 1, 2),
    (3, 25, 0, 1, 2),
    (3, 33, 0, 1, 2),
    (3, 34, 0, 1, 2),
    (3, 49, 0, 1, 2),
    (3, 50, 0, 2, 1),
    (3, 10, 1, 1, 3),
    (3, 25, 1, 1, 3),
    (3, 33, 1, 1, 2),
    (3, 34, 1, 1, 2),
    (3, 49, 1, 2, 2),
    (3, 50, 1, 2, 2),
    (10, 0, 1, 0, 10),
    (10, 1, 0, 1, 9),
    (10, 14, 0, 1, 9),
    (10, 15, 0, 2, 8),
    (10, 16, 0, 2, 8),
    (10, 99, 0, 9, 1),
    (10, 100, 1, 10, 0),
    (10, 1, 1, 1, 10),
    (10, 18, 1, 2, 9),
    (10, 19, 1, 2, 9),
    (10, 20, 1, 2, 8),
    (10, 23, 1, 2, 8),
    (10, 24, 1, 3, 8),
    (10, 25, 1, 3, 8),
    (10, 99, 1, 10, 1),
    (0, 50, 1, 0, 0),
]


@pytest.mark.parametrize(("replicas", "weight", "surge", "canary", "stable"), TABLE)
def test_the_nearest_pair(replicas: int, weight: int, surge: int, canary: int, stable: int) -> None:
    assert nearest(replicas, weight, 100, surge) == (canary, stable)


@pytest.mark.parametrize(("shares", "weight"), [((4, 3), 43), ((999, 1), 1), ((1, 999), 99), ((0, 5), 100)])
def test_a_share_that_is_seen_is_the_nearest_weight_and_leaves_nobody_out(
    shares: tuple[int, int], weight: int
) -> None:
    crowds = {"old": Crowd(count=2, available=2), "new": Crowd(count=2, available=2)}
    sight = Sight(template_hash="new", revision="b", crowds=crowds)
    recipe = Recipe(strategy=msgspec.convert({"canary": {}}, RolloutStrategy), replicas=4)
    seen = dict(zip(("old", "new"), shares, strict=True))
    state = remembered(sight, recipe, Traces(shares=seen), 1.0)
    assert state.delivery is not None
    assert state.delivery.weight == weight
