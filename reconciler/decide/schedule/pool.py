"""Nodes by how much they carry, least first: shared by all workloads that may go to the same nodes.

So a workload pays for the nodes that it gets, not for all that it could get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

from reconciler.decide.schedule.room import Room

Entry = tuple[int, int, str]
"""Load, pods, name."""


class Pool:
    """`pop` takes nodes out, `put` brings them back. Loads may have changed meanwhile: they only grow."""

    def __init__(self, entries: Iterable[Entry], room: Callable[[str], Room]) -> None:
        self._room = room
        self._heap = list(entries)
        heapify(self._heap)

    def pop(self) -> Room | None:
        """The least loaded node that is in; None when all are out."""
        while self._heap:
            load, pods, name = heappop(self._heap)
            room = self._room(name)
            if pods == room.pods and load == room.load:
                return room
            heappush(self._heap, (room.load, room.pods, name))
        return None

    def put(self, room: Room) -> None:
        heappush(self._heap, (room.load, room.pods, room.view.name))
