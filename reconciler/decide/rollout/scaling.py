"""A changed number of replicas in the middle of a rollout is shared by the versions, in proportion.

Source of the rule: Kubernetes' deployment controller (`sync.go`, proportional scaling): so that a rollout
that is stuck or paused half-way doesn't shift towards the version that may be bad.
"""

from __future__ import annotations

from reconciler.decide.rollout.budget import Budget
from reconciler.decide.rollout.rolling import Counts, Move


def rescale(counts: Counts, budget: Budget, before: int) -> Move:
    """`before` is the number of replicas at the last pass. Stops stay within the new budget."""
    allowed = budget.most if budget.desired else 0
    change = allowed - counts.total
    most_before = before + budget.surge
    ordered = sorted((("new", counts.new), ("old", counts.old)), key=lambda p: -p[1])
    shares = _shares(dict(ordered), change, allowed, most_before)
    spare = max(0, counts.available - budget.least)
    stop_old = min(-min(0, shares["old"]), counts.old - counts.old_available + spare)
    spare -= max(0, stop_old - (counts.old - counts.old_available))
    stop_new = min(-min(0, shares["new"]), counts.new - counts.new_available + spare)
    return Move(
        start_new=max(0, shares["new"]), start_old=max(0, shares["old"]), stop_new=stop_new, stop_old=stop_old
    )


def _shares(sizes: dict[str, int], change: int, allowed: int, before: int) -> dict[str, int]:
    """Rounded to the nearest; what rounding leaves over goes to the largest (which comes first)."""
    left = change
    shares: dict[str, int] = {}
    for name, size in sizes.items():
        exact = (2 * allowed * size + before) // (2 * before) - size if before else 0
        shares[name] = max(min(exact, left), 0) if change > 0 else min(max(exact, left), 0)
        left -= shares[name]
    largest = next(iter(sizes))
    shares[largest] = max(-sizes[largest], shares[largest] + left)
    return shares
