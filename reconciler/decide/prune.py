"""Pods that no manifest wants any more go, unless that looks like an accident (law 5)."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.effects import stop_pod
from reconciler.decide.names import KNOWN_KINDS
from reconciler.model.meta import Key


def prune(turn: Pass) -> bool:
    """Plan to stop every orphan, or note why not. True while something is still to be removed."""
    orphans = sorted(turn.observed.by_owner.keys() - turn.desired.workloads.keys())
    known = [k for k in orphans if k.kind in KNOWN_KINDS]
    for owner in orphans:
        if owner.kind not in KNOWN_KINDS:
            turn.draft.note(
                f"{owner}: this version doesn't know the kind {owner.kind}; its pods are left alone"
            )
    if not known:
        return False
    if refusal := _refusal(turn, known):
        turn.draft.note(refusal)
        return False
    pending = [_remove(turn, owner) for owner in known]
    return any(pending)


def _refusal(turn: Pass, orphans: list[Key]) -> str:
    rules, desired = turn.desired.fleet.spec.prune, turn.desired
    names = ", ".join(map(str, orphans[:3])) + (f" and {len(orphans) - 3} more" if len(orphans) > 3 else "")
    if not desired.complete:
        return f"not pruned: {names}; the source couldn't be read in full"
    if not desired.workloads and not rules.allow_empty:
        return (
            f"not pruned: {names}; the source has no workload at all, which looks like an accident "
            "(spec.prune.allowEmpty permits it)"
        )
    if not rules.enabled:
        return f"not pruned: {names}; no manifest wants them, but spec.prune.enabled is false"
    return ""


def _remove(turn: Pass, owner: Key) -> bool:
    because = f"no manifest of {turn.desired.revision.short} wants {owner}"
    pending = False
    for pod in turn.observed.by_owner[owner]:
        view = turn.survey.views[pod.node]
        if pod.terminating:
            pending = True
        elif view.status == "ready":
            stop_pod(turn, pod, because)
            pending = True
        else:
            turn.draft.note(
                f"{pod.record.name} on {pod.node} is removed when the node can be reached: {because}"
            )
    return pending
