"""All pods behind all services. Looks only at owners whose pods have changed since the last pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from reconciler.decide.network.backers import Backer, Ending, Fleetwide, Part, part_of
from reconciler.decide.network.memo import Backers, NetworkMemo
from reconciler.model.meta import Key
from reconciler.model.observed import PodState

NONE: Ending = frozenset()


class Behind:
    """`parts` by owner; `backers` by service, then by owner. Whatever didn't change is the same object."""

    def __init__(self, before: NetworkMemo | None) -> None:
        self.parts: dict[Key, Part] = dict(before.parts) if before else {}
        self.backers: dict[Key, Backers] = dict(before.backers) if before else {}
        self._fresh: set[Key] = set()

    def look(
        self,
        pods: Mapping[Key, tuple[PodState, ...]],
        ending: Mapping[Key, Ending],
        fleet: Fleetwide,
        caught: Callable[[str, Exception], None],
    ) -> None:
        for owner in self.parts.keys() - pods.keys():
            self._replace(owner, None)
        for owner, mine in pods.items():
            before, ends = self.parts.get(owner), ending.get(owner, NONE)
            if before is not None and before.lasting and before.pods is mine and before.ending == ends:
                continue
            try:
                part = part_of(mine, ends, fleet)
            except Exception as error:
                caught(f"who stands behind services of {owner}", error)
            else:
                self._replace(owner, part)

    def _replace(self, owner: Key, part: Part | None) -> None:
        before = self.parts.pop(owner, None)
        old = before.backers if before else {}
        new = part.backers if part else {}
        if part is not None:
            self.parts[owner] = part
        for service in old.keys() | new.keys():
            if old.get(service) != new.get(service):
                self._mine(service, owner, new.get(service))

    def _mine(self, service: Key, owner: Key, backers: tuple[Backer, ...] | None) -> None:
        """Copies on the first write: what the memo holds stays as it is."""
        if service not in self._fresh:
            self._fresh.add(service)
            self.backers[service] = dict(self.backers.get(service, {}))
        if backers is None:
            self.backers[service].pop(owner, None)
        else:
            self.backers[service][owner] = backers


def in_order(by_owner: Backers) -> Iterable[Backer]:
    for owner in sorted(by_owner):
        yield from by_owner[owner]
