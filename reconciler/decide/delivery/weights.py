"""Shares of the traffic as weights of endpoints: exactly, whatever the number of pods."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import gcd, lcm

from reconciler.model.traffic import Endpoint

MOST = 256
"""The largest weight that HAProxy takes."""
EQUAL = Endpoint(name="", ip="", port=0).weight
"""What an endpoint has where no version is told apart."""


def weights(shares: Mapping[str, int], counts: Mapping[str, int]) -> dict[str, list[int]]:
    """For each version the weights of its `counts` endpoints; the versions' sums stand to each other as their
    shares do. A version without a share gets zeros; one without endpoints leaves the others what there is.

    Within a version all weights are the same if that can be had, else they differ by one. Shares that are
    too far apart for so few endpoints come as near as weights allow; each version with one gets something.
    """
    alive = {v: s for v, s in shares.items() if s > 0 and counts.get(v, 0) > 0}
    found = {v: [0] * n for v, n in counts.items()}
    if len(alive) < 2:  # nothing is split: the weight of everybody else
        return found | {v: [EQUAL] * counts[v] for v in alive}
    shrink = gcd(*alive.values())
    parts = {v: s // shrink for v, s in alive.items()}
    top = min(MOST * counts[v] // parts[v] for v in parts)
    if not top:
        parts, top = _nearest(parts, counts), 1
    even = lcm(*(counts[v] // gcd(counts[v], parts[v]) for v in parts))
    scale = top // even * even if top >= even else top
    for version, part in parts.items():
        each, more = divmod(part * max(1, scale), counts[version])
        found[version] = [each + (index < more) for index in range(counts[version])]
    return found


def _nearest(parts: Mapping[str, int], counts: Mapping[str, int]) -> dict[str, int]:
    """The versions' sums that are nearest to their parts, where exact ones would be too large."""
    scale = min(Fraction(MOST * counts[v], part) for v, part in parts.items())
    return {v: max(1, round(part * scale)) for v, part in parts.items()}
