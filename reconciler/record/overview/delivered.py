"""What the overview says of a workload that is delivered step by step. Pure."""

from __future__ import annotations

from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.plan import Plan
from reconciler.record.deliveries.find import strategy_of
from reconciler.record.deliveries.phase import phase_of
from reconciler.record.deliveries.sets import max_weight, share_text
from reconciler.record.deliveries.steps import step_text


def delivery_words(desired: Desired, plan: Plan, key: Key) -> tuple[str, str]:
    """Where it stands (`step 2/5 setWeight 20, 20 %`) and why; both empty for everything else."""
    state, strategy = plan.progress.rollouts.get(key), strategy_of(desired, key)
    if state is None or state.delivery is None or strategy is None:
        return "", ""
    delivery, message = state.delivery, phase_of(state, plan.verdicts.get(key))[1]
    if delivery.stage == "aborted":
        return (
            "aborted",
            f"{message}; `reconciler rollout retry {key.name} -n {key.namespace}` tries it again",
        )
    steps = strategy.canary.steps if strategy.canary else ()
    if delivery.stage == "stepping" and delivery.step < len(steps):
        share = "" if delivery.weight is None else f", {share_text(delivery.weight, max_weight(strategy))}"
        return f"step {delivery.step + 1}/{len(steps)} {step_text(steps[delivery.step])}{share}", message
    return ("" if delivery.stage in ("done", "first") else delivery.stage), message
