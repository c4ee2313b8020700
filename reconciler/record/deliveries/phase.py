"""How a delivery stands, in Argo Rollouts' four words and one sentence. Pure.

stage, state, verdict                       phase
aborted; or failed                          Degraded
holds; or paused                            Paused
done or first, complete, converged          Healthy
everything else                             Progressing
"""

from __future__ import annotations

from reconciler.model.delivery import Delivery, Hold
from reconciler.model.plan import Verdict
from reconciler.model.progress import RolloutState
from reconciler.record.deliveries.lines import Phase

HOLDS = {
    "inconclusive": "an analysis couldn't tell",
    "forgotten": "its progress was lost",
}
"""Where a hold says nothing itself."""


def phase_of(state: RolloutState | None, verdict: Verdict | None) -> tuple[Phase, str]:
    said = verdict.message if verdict else ""
    if state is None or state.delivery is None:
        return "Progressing", said or "it isn't taken up yet"
    delivery = state.delivery
    if is_degraded(state, verdict):
        why = state.message or said or "aborted"
        told = delivery.stage != "aborted" or why.startswith(("aborted", "undone"))
        return "Degraded", why if told else f"aborted: {why}"
    if delivery.holds:
        return "Paused", state.message or said or "; ".join(map(hold_words, delivery.holds))
    if state.phase == "paused" or (verdict is not None and verdict.standing == "paused"):
        return "Paused", state.message or said or "spec.paused is true"
    if _is_healthy(delivery, state, verdict):
        return "Healthy", ""
    return "Progressing", said or state.message or _counts(verdict)


def is_degraded(state: RolloutState, verdict: Verdict | None) -> bool:
    aborted = state.delivery is not None and state.delivery.stage == "aborted"
    return aborted or state.phase == "failed" or (verdict is not None and verdict.standing == "failed")


def _is_healthy(delivery: Delivery, state: RolloutState, verdict: Verdict | None) -> bool:
    """Argo Rollouts: what once was complete is Progressing again while its pods are being replaced, but not
    while the version before it stays warm.
    """
    over = delivery.stage in ("done", "first") and state.phase == "complete"
    if not over or verdict is None or verdict.standing == "converged":
        return over
    whole = verdict.updated >= verdict.desired and verdict.available >= verdict.total
    return bool(delivery.retiring) and whole and verdict.standing == "progressing"


def hold_words(hold: Hold) -> str:
    """What it waits for."""
    if hold.reason in HOLDS:
        return hold.message or HOLDS[hold.reason]
    return f"paused {hold.message}".rstrip()


def _counts(verdict: Verdict | None) -> str:
    if verdict is None:
        return "it is on its way"
    return f"{verdict.updated} of {verdict.desired} pods updated, {verdict.available} available"
