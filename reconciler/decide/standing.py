"""From what was seen and planned of a workload to how it stands."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from reconciler.decide.attempts import LATER_REASON
from reconciler.decide.current import Pass
from reconciler.decide.rollout.state import Sight, advance, deadline_of
from reconciler.decide.slots import Slot, Slots
from reconciler.model.meta import Key
from reconciler.model.plan import Standing, Verdict
from reconciler.model.progress import RolloutState

DEADLINE = 600
"""Seconds without progress after which a workload without a deadline of its own counts as failed."""


def remember(turn: Pass, owner: Key, sight: Sight, slots: Slots, refused: Iterable[str]) -> RolloutState:
    """Put the workload's rollout into progress, moved on; waits for its deadline."""
    before = turn.before.rollouts.get(owner)
    state = advance(before, sight, slots.here, turn.now)
    refused = tuple(refused)
    if state.delivery is not None:
        state = msgspec.structs.replace(state, delivery=None)  # it was delivered step by step until now
    if state.replicas != sight.replicas or state.refused_architectures != refused:
        state = msgspec.structs.replace(state, replicas=sight.replicas, refused_architectures=refused)
    turn.rollouts[owner] = state
    if (until := deadline_of(state, sight.deadline)) is not None and not sight.ended:
        turn.draft.wait(str(owner), "its rollout fails if it makes no progress", until)
    return state


def complaint(slots: Iterable[Slot]) -> str:
    """What the first pod that isn't available suffers from, in one line."""
    for slot in slots:
        if slot.available:
            continue
        if slot.attempt is not None:
            reason = LATER_REASON.get(slot.attempt.reason, slot.attempt.reason)
            return f"{slot.name}: {reason}: {slot.attempt.message}"
        if slot.pod is not None:
            sick = next((c.probe_message for c in slot.pod.containers if not c.ready and c.probe_message), "")
            said = ": ".join(t for t in (slot.pod.reason, slot.pod.message or sick) if t)
            return f"{slot.name}: {said}" if said else f"{slot.name} isn't ready"
    return ""


def joined(*parts: str) -> str:
    """What there is to say, in one line."""
    return "; ".join(part for part in parts if part)


def verdict(standing: Standing, message: str, slots: Slots, template_hash: str, desired: int) -> Verdict:
    mine = slots.of(template_hash)
    return Verdict(
        standing=standing,
        message=message,
        desired=desired,
        updated=len(mine),
        ready=sum(s.ready for s in slots.here),
        available=sum(s.available for s in slots.here),
        total=len(slots.here),
    )
