"""How many pods there may be, and how many must be available, while a version replaces another."""

from __future__ import annotations

from math import ceil, floor

from reconciler.model.base import Value
from reconciler.model.workload import DeploymentStrategy, RollingUpdate, Share, Surge


class Budget(Value):
    """Numbers of pods. At any time: existing <= `most`, and available >= `least` is never given up by us."""

    desired: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        return self.desired + self.surge

    @property
    def least(self) -> int:
        return self.desired - self.unavailable


def budget_of(strategy: DeploymentStrategy, desired: int) -> Budget:
    """Kubernetes: maxSurge rounds up, maxUnavailable down; both 0 means 1 unavailable."""
    update = strategy.rolling_update or RollingUpdate()
    surge = share(update.max_surge, desired, up=True)
    unavailable = share(update.max_unavailable, desired, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Budget(desired=desired, surge=surge, unavailable=min(unavailable, desired))


def share(amount: Share | Surge, of: int, *, up: bool) -> int:
    """`3` is 3; `25%` of 10 is 3 rounded up and 2 rounded down."""
    if isinstance(amount, int):
        return amount
    exact = int(amount.rstrip("%")) * of
    return ceil(exact / 100) if up else floor(exact / 100)
