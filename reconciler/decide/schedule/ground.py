"""The fleet's room in one pass. Placements draw from it, so two workloads never count on the same memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from reconciler.decide.schedule.address import Slices
from reconciler.decide.schedule.filters import Refused, against, discouraged
from reconciler.decide.schedule.pool import Pool
from reconciler.decide.schedule.requests import Requests, requests_of
from reconciler.decide.schedule.room import Base, Room, base_of, guards, load_of
from reconciler.decide.survey import NodeView, Survey
from reconciler.model.observed import NodeState, PodRecord
from reconciler.model.placement import Affinity
from reconciler.model.pod import PodSpec
from reconciler.model.progress import Attempt

NO_AFFINITY = Affinity()

Bases = dict[str, tuple[NodeState, Base]]


class Candidates:
    """Nodes that pass every filter (`good`), and the reason against each of the others (`bad`).

    `pool` orders the good ones; None where some are more welcome than others, whatever their load.
    """

    def __init__(self, good: list[NodeView], bad: dict[str, str]) -> None:
        self.good, self.bad = good, bad
        self.pool: Pool | None = None


class Ground:
    """`bases` may come from an earlier pass; `attempts` are pods that hold a place without being there.

    `believed`: a pod's affinity is what its manifest says. What only a label says keeps no node free.
    """

    def __init__(
        self,
        survey: Survey,
        bases: Mapping[str, tuple[NodeState, Base]],
        believed: Callable[[PodRecord], bool],
    ) -> None:
        self.survey, self._believed = survey, believed
        self.slices = Slices(survey)
        self.bases: Bases = dict(bases)
        self.given: list[PodRecord] = []
        self.prepared: dict[str, int] = {}
        """Node -> the number of the step that prepares it."""
        self._rooms: dict[str, Room] = {}
        self._held: dict[str, list[PodRecord]] = {}
        self._candidates: dict[bytes, Candidates] = {}
        self._guards: list[tuple[PodRecord, NodeView]] | None = None

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

    def take(self, record: PodRecord, asked: Requests) -> None:
        view = self.survey.views[record.node]
        self.room(view).take(asked, record.ip)
        self.given.append(record)
        if guards(record):
            self.guards().append((record, view))

    def refresh(self) -> Bases:
        """What every node's pods take up, for the next pass; nodes that are gone are forgotten."""
        for view in self.survey.views.values():
            self.base(view)
        if len(self.bases) > len(self.survey.views):
            self.bases = {name: self.bases[name] for name in self.survey.views}
        return self.bases

    def forget_after(self, number: int) -> None:
        """Steps behind this number have been taken back."""
        self.prepared = {node: step for node, step in self.prepared.items() if step <= number}

    def records(self) -> Iterator[tuple[PodRecord, NodeView]]:
        """Every pod that has a place: seen, held or given away in this pass."""
        views = self.survey.views
        for view in views.values():
            yield from ((p.record, view) for p in view.state.pods if not p.terminating)
        for name, held in self._held.items():
            if name in views:
                yield from ((r, views[name]) for r in held)
        yield from ((r, views[r.node]) for r in self.given)

    def guards(self) -> list[tuple[PodRecord, NodeView]]:
        """Pods, seen or given away in this pass, that keep others away."""
        if self._guards is None:
            views = self.survey.views.values()
            every = ((r, view) for view in views for r in self.base(view).guards)
            self._guards = [(r, view) for r, view in every if self._believed(r)]
        return self._guards

    def candidates(self, spec: PodSpec, refused: Refused) -> Candidates:
        """Once per kind of template."""
        key = msgspec.json.encode(
            (spec.node_name, spec.node_selector, spec.affinity, spec.tolerations, sorted(refused))
        )
        if key not in self._candidates:
            self._candidates[key] = self._filter(spec, refused)
        return self._candidates[key]

    def _filter(self, spec: PodSpec, refused: Refused) -> Candidates:
        good: list[NodeView] = []
        bad: dict[str, str] = {}
        plain = not (spec.node_name or spec.node_selector or spec.affinity != NO_AFFINITY)
        for view in self.survey.views.values():
            reason = "" if plain and _plain(view, refused) else against(view, spec, refused)
            if not reason:
                good.append(view)
            elif view.status != "removed":
                bad[view.name] = reason
        found = Candidates(good, bad)
        preferred = spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
        if not preferred and not any(discouraged(v, spec) for v in good):
            views = self.survey.views
            loads = (
                (load_of(v.state.facts, b.cpu, b.memory), b.pods, v.name) for v, b in self._bases_of(good)
            )
            found.pool = Pool(loads, lambda name: self.room(views[name]))
        return found

    def _bases_of(self, views: list[NodeView]) -> Iterator[tuple[NodeView, Base]]:
        return ((view, self.base(view)) for view in views)


def _plain(view: NodeView, refused: Refused) -> bool:
    """A node that no filter but those for the pod's own wishes could have anything against."""
    spec = view.spec
    ordinary = spec is not None and not spec.taints and not spec.unschedulable
    return ordinary and view.status == "ready" and view.state.facts.architecture not in refused
