"""Shares of a number of pods, as `maxSurge` and `maxUnavailable` have them."""

from __future__ import annotations


def zero(share: int | str) -> bool:
    """`0`, `0%`."""
    return str(share).rstrip("%").strip("0") == ""
