"""Shares as weights: exact, whatever the number of pods."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from reconciler.decide.delivery.weights import MOST, weights

COUNTS = st.integers(1, 40)


@given(st.integers(0, 1000), st.integers(1, 1000), COUNTS, COUNTS)
def test_sums_stand_to_each_other_as_the_shares(canary: int, stable: int, few: int, many: int) -> None:
    if max(canary, stable) // _gcd(canary, stable) > MOST:
        return
    found = weights({"new": canary, "old": stable}, {"new": few, "old": many})
    assert all(0 <= w <= MOST for listed in found.values() for w in listed)
    assert [len(found["new"]), len(found["old"])] == [few, many]
    assert Fraction(sum(found["new"]), sum(found["old"])) == Fraction(canary, stable)
    for listed in found.values():
        assert max(listed) - min(listed) <= 1


def _gcd(one: int, other: int) -> int:
    from math import gcd

    return gcd(one, other)


def test_one_percent_with_two_and_one() -> None:
    assert weights({"new": 1, "old": 99}, {"new": 1, "old": 2}) == {"new": [4], "old": [198, 198]}


@given(st.integers(1, 100_000), st.integers(1, 100_000), COUNTS, COUNTS)
def test_shares_that_no_weights_can_have_come_as_near_as_they_can(
    canary: int, stable: int, few: int, many: int
) -> None:
    """`maxTrafficWeight` may be any number; HAProxy refuses a file with a weight that is too large."""
    found = weights({"new": canary, "old": stable}, {"new": few, "old": many})
    assert all(0 <= w <= MOST for listed in found.values() for w in listed)
    new, old = sum(found["new"]), sum(found["old"])
    assert new and old
    assert abs(Fraction(new, new + old) - Fraction(canary, canary + stable)) < Fraction(1, MOST)


def test_one_in_a_thousand_with_one_and_one_and_with_four() -> None:
    assert weights({"new": 1, "old": 999}, {"new": 1, "old": 1}) == {"new": [1], "old": [256]}
    assert weights({"new": 1, "old": 999}, {"new": 1, "old": 4})["new"] == [1]
    assert sum(weights({"new": 1, "old": 999}, {"new": 1, "old": 4})["old"]) == 999


def test_a_version_without_endpoints_leaves_all_to_the_other() -> None:
    found = weights({"new": 20, "old": 80}, {"old": 3})
    assert len(set(found["old"])) == 1 and found["old"][0] > 0


def test_nothing_goes_to_a_version_without_a_share() -> None:
    assert weights({"new": 0, "old": 100}, {"new": 2, "old": 1, "older": 1})["new"] == [0, 0]


def test_nobody_is_there() -> None:
    assert weights({"new": 1, "old": 1}, {}) == {}
