"""A rolling update as arithmetic: from counts to how many pods to start and to stop now.

Source of the rules: Kubernetes' deployment controller (`rolling.go`). Starts count on no stop of the same
pass and stops on no start, so they may be done in any order and be cut off anywhere.
"""

from __future__ import annotations

from reconciler.decide.rollout.budget import Budget
from reconciler.model.base import Value


class Counts(Value):
    """Pods that hold a place, by version. `old` is every other version; `hidden` couldn't be looked at.

    `restorable`: it is known how to start pods of the version that served before.
    """

    new: int
    new_available: int
    old: int
    old_available: int
    hidden: int = 0
    restorable: bool = False

    @property
    def total(self) -> int:
        return self.new + self.old + self.hidden

    @property
    def available(self) -> int:
        return self.new_available + self.old_available


class Move(Value):
    """What to do now. `stop_old` counts the unavailable ones first."""

    start_new: int = 0
    start_old: int = 0
    stop_new: int = 0
    stop_old: int = 0


def roll(counts: Counts, budget: Budget) -> Move:
    """One safe step towards `desired` pods of the new version and none of any other."""
    start_old = _restore(counts, budget)
    room = budget.most - counts.total - start_old
    return Move(
        start_new=max(0, min(room, budget.desired - counts.new - counts.hidden)),
        start_old=start_old,
        stop_new=_surplus(counts, budget),
        stop_old=_retire(counts, budget),
    )


def _restore(counts: Counts, budget: Budget) -> int:
    """Pods of the old version that were lost before their successors were available."""
    if not counts.restorable or counts.old == 0:
        return 0
    lacking = budget.least - counts.new_available - counts.old - counts.hidden
    return max(0, min(lacking, budget.most - counts.total))


def _surplus(counts: Counts, budget: Budget) -> int:
    return max(0, counts.new - budget.desired)


def _retire(counts: Counts, budget: Budget) -> int:
    """Unavailable old pods as far as those that aren't available yet are covered; then available ones."""
    unavailable = counts.old - counts.old_available
    coming = counts.new - counts.new_available + counts.hidden
    unhealthy = max(0, min(unavailable, counts.total - budget.least - coming))
    healthy = max(0, min(counts.old - unhealthy, counts.available - budget.least - _lost(counts, budget)))
    return unhealthy + healthy


def _lost(counts: Counts, budget: Budget) -> int:
    """Available new pods that `stop_new` may take in the same pass."""
    unavailable = counts.new - counts.new_available
    return max(0, _surplus(counts, budget) - unavailable)
