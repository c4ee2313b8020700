"""A service with two versions behind it: who is an endpoint, with which weight, in which slot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from reconciler.decide.delivery.split import Split
from reconciler.decide.delivery.weights import weights
from reconciler.decide.network.backers import Backer
from reconciler.model.traffic import Endpoint, RoutedService, Slot

OTHER: dict[Slot, Slot] = {"a": "b", "b": "a"}


def serves(split: Split | None, backer: Backer, *, live_only: bool = False) -> bool:
    """It is an endpoint of the service at all; with `live_only`, one that gets something now."""
    if split is None or not split.only:
        return True
    if backer.owner != split.owner:
        return False
    return backer.version == split.active if live_only and split.active else backer.version in split.only


def standing_in(split: Split | None, backers: Iterable[Backer]) -> Split | None:
    """With its fallback, where nobody else is ready; none at all while others serve beside it. Shares keep
    theirs: see `weighed`.
    """
    if split is None or not split.only or not (split.fallback or split.beside):
        return split
    ready = [b.owner == split.owner and b.version in split.only for b in backers if b.fitness == "ready"]
    if split.beside and not all(ready):
        return None
    if any(ready) or not split.fallback:
        return split
    return msgspec.structs.replace(split, only=(split.fallback,), fallback="")


def live_slot(split: Split | None, backers: Iterable[Backer], before: Sequence[RoutedService]) -> Slot:
    """Where the active version stands: the slot in which its pods are already, so that they stay there; a
    version that comes takes the one that isn't live. `before`: as nodes have the service, the
    best known first.
    """
    if split is None or not split.active:
        return ""
    told: dict[tuple[str, str], Slot] = {}
    for end in (e for service in before for port in service.ports for e in port.endpoints if e.slot):
        told.setdefault((end.name, end.ip), end.slot)
    placed: dict[str, list[Slot]] = {split.active: [], split.standby: []}
    for backer in backers:
        slot = told.get((backer.name, backer.ip))
        if slot is not None and backer.version in placed:
            placed[backer.version].append(slot)
    if own := placed[split.active]:
        return max(sorted(set(own)), key=own.count)
    if beside := placed[split.standby]:
        return OTHER[max(sorted(set(beside)), key=beside.count)]
    return next((service.live for service in before if service.live), "a")


def slot_of(split: Split | None, live: Slot, backer: Backer) -> Slot:
    if split is None or not live:
        return ""
    return live if backer.version == split.active else OTHER[live]


def parting(
    split: Split | None, backers: Iterable[Backer], before: Iterable[RoutedService]
) -> dict[tuple[str, str], Slot]:
    """Who was an endpoint, isn't any more, and may still be answering: by name and address, and where it
    stands. `before`: as for `live_slot`.
    """
    if split is None or not split.only:
        return {}
    gone = {(b.name, b.ip) for b in backers if not serves(split, b)}
    found: dict[tuple[str, str], Slot] = {}
    for end in (e for service in before for port in service.ports for e in port.endpoints if gone):
        if (end.name, end.ip) in gone:
            found.setdefault((end.name, end.ip), end.slot)
    return found


def weighed(split: Split | None, ends: Sequence[tuple[Backer, Endpoint]]) -> tuple[Endpoint, ...]:
    """With the weights that give each version its share. Only ready endpoints count: where no version with a
    share has any, the fallback gets all. Pods of other owners keep the weight that they have.
    """
    if split is None or not split.shares:
        return tuple(end for _, end in ends)
    mine = [b.version for b, e in ends if e.state == "ready" and b.owner == split.owner]
    counts = {version: mine.count(version) for version in sorted(set(mine))}
    shares = dict(split.shares)
    if split.fallback and not any(counts.get(version) for version, share in split.shares if share):
        shares = {split.fallback: 1}
    found = {v: iter(w) for v, w in weights(shares, counts).items()}
    return tuple(
        msgspec.structs.replace(end, weight=next(found[backer.version]))
        if end.state == "ready" and backer.owner == split.owner
        else end
        for backer, end in ends
    )
