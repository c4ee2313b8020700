"""Which version serves when the newest has failed, and which one lost pods are restored from."""

from __future__ import annotations

from reconciler.decide.current import Pass
from reconciler.decide.slots import Slots
from reconciler.decide.version import Version, stable_version, version_of
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord


def older_version(turn: Pass, owner: Key, slots: Slots, wanted_hash: str) -> Version | None:
    """The version that last converged, from its own revision or its pods' records; None if unknown.

    Of several older ones that are left, the one that is remembered as stable, else the one with most
    available pods.
    """
    stable = turn.desired.stable.get(owner)
    if stable is not None and stable.template_hash != wanted_hash:
        return stable_version(owner, stable)
    record = _record(turn, owner, slots, wanted_hash)
    return version_of(record) if record else None


def _record(turn: Pass, owner: Key, slots: Slots, wanted_hash: str) -> PodRecord | None:
    gone = [p.record for p in (*slots.away, *slots.ending, *(p for p, _ in slots.faulty))]
    found = [r for r in [*slots.records, *gone] if r.template_hash != wanted_hash]
    before = turn.before.rollouts.get(owner)
    stable_hash = before.stable_hash if before else ""
    if before and before.phase == "complete" and before.template_hash != wanted_hash:
        stable_hash = before.template_hash
    serving: dict[str, int] = {}
    for slot in slots.here:
        serving[slot.record.template_hash] = serving.get(slot.record.template_hash, 0) + slot.available
    return max(
        found,
        key=lambda r: (
            r.template_hash == stable_hash,
            serving.get(r.template_hash, 0),
            r.template_hash,
            r.name,
        ),
        default=None,
    )
