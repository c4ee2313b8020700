"""Pods that no manifest wants any more go, unless that looks like an accident (law 5)."""

from __future__ import annotations

from functools import partial

from reconciler.decide.current import Pass
from reconciler.decide.effects import stop_pod
from reconciler.decide.isolated import isolated
from reconciler.decide.names import KNOWN_KINDS
from reconciler.model.meta import Key
from reconciler.model.plan import Standing


def prune(turn: Pass) -> Standing:
    """Plan to stop every orphan, or note why not.

    Progressing while something is still to be removed; blocked when what looks like an accident holds it
    back: the revision isn't there until somebody says what is meant (law 10).
    """
    orphans = sorted(turn.observed.by_owner.keys() - turn.desired.workloads.keys() - turn.runs.keys())
    known = [k for k in orphans if k.kind in KNOWN_KINDS]
    for owner in orphans:
        if owner.kind not in KNOWN_KINDS:
            turn.draft.note(
                f"{owner}: this version doesn't know the kind {owner.kind}; its pods are left alone"
            )
    if not known:
        return "converged"
    if accident := _accident(turn, known):
        turn.draft.note(accident)
        return "blocked"
    if not turn.desired.fleet.spec.prune.enabled:
        turn.draft.note(
            f"not pruned: {_some(known)}; no manifest wants them, but spec.prune.enabled is false"
        )
        return "converged"
    pending = [isolated(turn, str(owner), partial(_remove, turn, owner), True) for owner in known]
    return "progressing" if any(pending) else "converged"


def _accident(turn: Pass, orphans: list[Key]) -> str:
    rules, desired = turn.desired.fleet.spec.prune, turn.desired
    names = _some(orphans)
    if not desired.complete:
        return f"not pruned: {names}; the source couldn't be read in full"
    if not desired.workloads and not rules.allow_empty:
        return (
            f"not pruned: {names}; the source has no workload at all, which looks like an accident "
            "(spec.prune.allowEmpty permits it)"
        )
    return ""


def _some(owners: list[Key]) -> str:
    """The first three and how many more."""
    more = f" and {len(owners) - 3} more" if len(owners) > 3 else ""
    return ", ".join(map(str, owners[:3])) + more


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
