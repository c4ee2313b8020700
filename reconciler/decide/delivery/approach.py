"""From the pods that there are to those that there should be, within maxSurge and maxUnavailable.

Starts count on no stop of the same pass and stops on no start, so they may be done in any order and be cut
off anywhere.
"""

from __future__ import annotations

from reconciler.decide.delivery.scale import Targets
from reconciler.decide.delivery.sight import Crowd, Sight
from reconciler.decide.rollout.budget import Budget
from reconciler.model.base import Value


class Moves(Value):
    """How many pods of each version to start and to stop now."""

    start: dict[str, int] = {}
    stop: dict[str, int] = {}


def freely(sight: Sight, wanted: Targets, first: str) -> Moves:
    """Every version by itself. `first` is the one that hidden pods may belong to."""
    hidden = sight.hidden
    start, stop = {}, {}
    for version in _ordered(sight, wanted, first):
        have, want = sight.of(version).count, wanted.get(version, 0)
        missing = max(0, want - have)
        covered = min(missing, hidden)
        hidden -= covered
        start[version], stop[version] = missing - covered, max(0, have - want)
    return _moves(start, stop)


def within(sight: Sight, wanted: Targets, budget: Budget, first: str) -> Moves:
    """All versions together have at most `most` pods, and `least` available ones are never given up.

    Surplus pods that aren't ready go first, then as many others as can be spared: those that are ready, and
    not for long enough to count, only while enough others are available. Surplus pods on lost nodes take no
    room: nobody could stop them, and an update doesn't wait for their node (Kubernetes: old replicas that
    aren't healthy are cleaned up first).
    """
    gone = sum(min(crowd.lost, _surplus(crowd, wanted.get(v, 0))) for v, crowd in sight.crowds.items())
    room, hidden = budget.most - (sight.total - gone), sight.hidden
    start: dict[str, int] = {}
    for version in _ordered(sight, wanted, first):
        missing = max(0, wanted.get(version, 0) - sight.of(version).count)
        covered = min(missing, hidden)
        hidden -= covered
        start[version] = max(0, min(missing - covered, room))
        room -= start[version]
    spare = sight.available - budget.least
    stop: dict[str, int] = {}
    for version in reversed(_ordered(sight, wanted, first)):
        crowd = sight.of(version)
        surplus = _surplus(crowd, wanted.get(version, 0))
        idle = min(surplus, crowd.count - crowd.available - (crowd.young if spare < 0 else 0))
        serving = max(0, min(surplus - idle, spare))
        spare -= serving
        stop[version] = idle + serving
    return _moves(start, stop)


def _surplus(crowd: Crowd, wanted: int) -> int:
    return max(0, crowd.count - wanted)


def _ordered(sight: Sight, wanted: Targets, first: str) -> list[str]:
    """`first`, then the other wanted ones, then what should go."""
    every = sight.crowds.keys() | wanted.keys()
    return sorted(every, key=lambda v: (v != first, v not in wanted, v))


def _moves(start: dict[str, int], stop: dict[str, int]) -> Moves:
    return Moves(
        start={v: n for v, n in start.items() if n > 0}, stop={v: n for v, n in stop.items() if n > 0}
    )
