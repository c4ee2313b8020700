"""Which pods go first when some must go (Kubernetes: the order of the ReplicaSet controller)."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.decide.slots import Slot

COST = "controller.kubernetes.io/pod-deletion-cost"


def victims(slots: Iterable[Slot], count: int) -> list[Slot]:
    """The `count` to stop: not started, pending, unready; then by cost, doubled on a node, newest, by name.

    Pods on nodes that can't be asked come first among equals: they don't serve for sure.
    """
    pool = list(slots)
    if count <= 0:
        return []
    crowd = _ranks(pool)
    return sorted(_latest_first(pool), key=lambda s: _order(s, crowd[id(s)]))[:count]


def _latest_first(pool: list[Slot]) -> list[Slot]:
    """The highest ordinal goes before a lower one when nothing else tells them apart."""
    return sorted(pool, key=lambda s: (len(s.name), s.name), reverse=True)


def _ranks(pool: list[Slot]) -> dict[int, int]:
    """How many pods on the same node are better kept: the last ones of a full node go first."""
    ranks: dict[int, int] = {}
    seen: dict[str, int] = {}
    for slot in sorted(_latest_first(pool), key=lambda s: _order(s, 0))[::-1]:
        ranks[id(slot)] = seen.get(slot.view.name, 0)
        seen[slot.view.name] = ranks[id(slot)] + 1
    return ranks


def _order(slot: Slot, rank: int) -> tuple[int, int, bool, bool, int, int, float, int, float]:
    pod = slot.pod
    return (
        0 if pod is None else 1,
        {"Pending": 0, "Unknown": 1}.get(pod.phase, 2) if pod else 0,
        slot.ready and slot.view.status == "ready",
        slot.available,
        _cost(slot),
        -rank,
        -(pod.ready_since or 0.0) if pod else 0.0,
        -(pod.restarts if pod else 0),
        -(pod.created_at if pod else 0.0),
    )


def _cost(slot: Slot) -> int:
    try:
        return int(slot.record.annotations.get(COST, "0"))
    except ValueError:
        return 0
