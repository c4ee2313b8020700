"""What the pods of each version are made from: the manifest, or that of its own revision."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.decide.current import Pass
from reconciler.decide.slots import Slots
from reconciler.decide.version import Version, stable_version, wanted_version
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord


def versions(turn: Pass, owner: Key) -> dict[str, Version]:
    """By template hash; a version that isn't in it can't be started."""
    found: dict[str, Version] = {}
    stable = turn.desired.stable.get(owner)
    if stable is not None:
        found[stable.template_hash] = stable_version(owner, stable)
    wanted = wanted_version(turn.desired, owner)
    found[wanted.template_hash] = wanted
    return found


def records(slots: Slots) -> Mapping[str, PodRecord]:
    """One pod's record for each version that was seen, also of pods that are ending or given up."""
    gone = [p.record for p in (*slots.away, *slots.ending, *(p for p, _ in slots.faulty))]
    return {r.template_hash: r for r in sorted([*gone, *slots.records], key=lambda r: r.name)}
