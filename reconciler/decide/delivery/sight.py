"""What a delivery looks like: how many pods there are of each version."""

from __future__ import annotations

from collections.abc import Container, Iterable

from reconciler.decide.slots import Slot
from reconciler.model.base import Value


class Crowd(Value):
    """Pods of one version that hold a place. `available` ones are ready for minReadySeconds; `young` ones are
    ready, and not for that long yet; `lost` ones are on nodes that are.
    """

    count: int = 0
    available: int = 0
    young: int = 0
    lost: int = 0


NOBODY = Crowd()


class Sight(Value):
    """`crowds` by template hash. `hidden` more pods may be on nodes that couldn't be looked into.
    `complaint` is what the newest version's pods suffer from. `silent` nodes don't answer; they hold pods of
    any version.
    """

    template_hash: str
    revision: str
    reverts: bool = False
    """The commit says that it takes back another one."""
    crowds: dict[str, Crowd] = {}
    hidden: int = 0
    complaint: str = ""
    silent: tuple[str, ...] = ()

    def of(self, template_hash: str) -> Crowd:
        return self.crowds.get(template_hash, NOBODY)

    @property
    def total(self) -> int:
        return sum(c.count for c in self.crowds.values()) + self.hidden

    @property
    def available(self) -> int:
        return sum(c.available for c in self.crowds.values())


def crowds(slots: Iterable[Slot], kept: Container[str]) -> dict[str, Crowd]:
    """By template hash, in sorted order. Pods on lost nodes hold a place in the versions that are `kept`;
    those of others are written off.
    """
    found: dict[str, list[Slot]] = {}
    for slot in slots:
        if slot.view.status != "lost" or slot.record.template_hash in kept:
            found.setdefault(slot.record.template_hash, []).append(slot)
    return {
        template_hash: Crowd(
            count=len(mine),
            available=sum(s.available for s in mine),
            young=sum(s.ready and not s.available for s in mine),
            lost=sum(s.view.status == "lost" for s in mine),
        )
        for template_hash, mine in sorted(found.items())
    }
