"""Blue-green and canary: from a stable version to the newest one, by steps that are judged."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment


def plan_delivery(turn: Pass, owner: Key, workload: Rollout | Deployment) -> Verdict:
    raise NotImplementedError
