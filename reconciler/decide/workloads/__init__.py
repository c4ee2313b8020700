"""One file a kind: what it takes to bring a workload one safe step closer to what is wanted."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.delivery.handover import handed_over
from reconciler.decide.delivery.plan import plan_delivery
from reconciler.decide.delivery.recipe import recipe_of
from reconciler.decide.workloads.deployment import plan_deployment
from reconciler.decide.workloads.pod import plan_pod
from reconciler.decide.workloads.replicas import plan_replicas
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.plan import Verdict
from reconciler.model.pod import Pod
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment


def plan_workload(turn: Pass, key: Key, workload: Workload) -> Verdict:
    match workload:
        case Deployment() if recipe_of(turn.desired, key, workload) is not None:
            return plan_delivery(turn, key, workload)
        case Deployment():
            return plan_deployment(turn, key, handed_over(turn, key, workload))
        case Pod():
            return plan_pod(turn, key, workload)
        case Rollout():
            return plan_delivery(turn, key, workload)
        case _:
            return plan_replicas(turn, key, workload)
