"""The fleet's room in one pass. Placements draw from it, so two workloads never count on the same memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from reconciler.decide.schedule.address import Slices
from reconciler.decide.schedule.filters import Refused, against
from reconciler.decide.schedule.requests import requests_of
from reconciler.decide.schedule.room import Base, Room, base_of
from reconciler.decide.survey import NodeView, Survey
from reconciler.model.observed import NodeState, PodRecord
from reconciler.model.pod import PodSpec
from reconciler.model.progress import Attempt

Bases = dict[str, tuple[NodeState, Base]]


class Ground:
    """`bases` may come from an earlier pass; `attempts` are pods that hold a place without being there."""

    def __init__(self, survey: Survey, bases: Mapping[str, tuple[NodeState, Base]]) -> None:
        self.survey = survey
        self.slices = Slices(survey)
        self.bases: Bases = dict(bases)
        self.given: list[PodRecord] = []
        self.prepared: dict[str, int] = {}
        """Node -> the number of the step that prepares it."""
        self._rooms: dict[str, Room] = {}
        self._held: dict[str, list[PodRecord]] = {}
        self._candidates: dict[bytes, tuple[list[NodeView], dict[str, str]]] = {}

    def hold(self, attempts: Iterable[Attempt]) -> None:
        """Keep the places of pods that couldn't be started yet. Before the first room is looked at."""
        for attempt in attempts:
            self._held.setdefault(attempt.record.node, []).append(attempt.record)

    def base(self, view: NodeView) -> Base:
        found = self.bases.get(view.name)
        if found is None or found[0] is not view.state:
            found = self.bases[view.name] = (view.state, base_of(view.state))
        return found[1]

    def room(self, view: NodeView) -> Room:
        room = self._rooms.get(view.name)
        if room is None:
            room = self._rooms[view.name] = Room(view, self.base(view))
            seen = {p.key for p in view.state.pods} if view.name in self._held else set()
            for record in self._held.get(view.name, ()):
                if record.key not in seen:
                    room.take(requests_of(record.spec), record.ip)
        return room

    def take(self, record: PodRecord) -> None:
        self.room(self.survey.views[record.node]).take(requests_of(record.spec), record.ip)
        self.given.append(record)

    def records(self) -> Iterator[tuple[PodRecord, NodeView]]:
        """Every pod that has a place: seen, held or given away in this pass."""
        views = self.survey.views
        for view in views.values():
            yield from ((p.record, view) for p in view.state.pods if not p.terminating)
        for name, held in self._held.items():
            if name in views:
                yield from ((r, views[name]) for r in held)
        yield from ((r, views[r.node]) for r in self.given)

    def guards(self) -> Iterator[tuple[PodRecord, NodeView]]:
        for view in self.survey.views.values():
            yield from ((r, view) for r in self.base(view).guards)
        for record in self.given:
            if record.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution:
                yield record, self.survey.views[record.node]

    def candidates(self, spec: PodSpec, refused: Refused) -> tuple[list[NodeView], dict[str, str]]:
        """Nodes that pass every filter, and the reason against each other one. Once per kind of template."""
        key = msgspec.json.encode(
            (spec.node_name, spec.node_selector, spec.affinity, spec.tolerations, sorted(refused))
        )
        if key not in self._candidates:
            self._candidates[key] = self._filter(spec, refused)
        return self._candidates[key]

    def _filter(self, spec: PodSpec, refused: Refused) -> tuple[list[NodeView], dict[str, str]]:
        good: list[NodeView] = []
        bad: dict[str, str] = {}
        for view in self.survey.views.values():
            reason = against(view, spec, refused)
            if not reason:
                good.append(view)
            elif view.status != "removed":
                bad[view.name] = reason
        return good, bad
