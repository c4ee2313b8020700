"""Where other pods are: podAffinity, podAntiAffinity (also of those there), topologySpreadConstraints."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.decide.schedule.ground import Ground
from reconciler.decide.survey import NodeView
from reconciler.decide.version import Version
from reconciler.model.base import Value
from reconciler.model.meta import LabelSelector
from reconciler.model.observed import PodRecord
from reconciler.model.placement import PodAffinityTerm, TopologySpreadConstraint

Matches = Callable[[str, dict[str, str]], bool]
"""(namespace, labels) of a pod -> does the term mean it?"""


class Tally(Value, dict=True):
    """Pods that a term means, counted by the value of its topology key."""

    key: str
    matches: Matches
    own: bool
    """The term means the new pod itself."""

    @property
    def counts(self) -> dict[str, int]:
        found: dict[str, int] = self.__dict__.setdefault("counts_", {})
        return found

    def add(self, record: PodRecord, view: NodeView) -> None:
        domain = view.labels.get(self.key)
        if domain is not None and self.matches(record.namespace, record.labels):
            self.counts[domain] = self.counts.get(domain, 0) + 1

    def at(self, view: NodeView) -> int:
        return self.counts.get(view.labels.get(self.key, ""), 0)


class Topology:
    """The terms that concern pods of one version, kept up to date as they are placed."""

    def __init__(self, ground: Ground, version: Version, namespace: str) -> None:
        self._version, self._namespace = version, namespace
        affinity = version.spec.affinity
        near, far = affinity.pod_affinity, affinity.pod_anti_affinity
        self._near = self._tallies(near.required_during_scheduling_ignored_during_execution)
        self._far = self._tallies(far.required_during_scheduling_ignored_during_execution)
        self._liked = [
            (weighted.weight * sign, self._tally(weighted.pod_affinity_term))
            for sign, terms in (
                (1, near.preferred_during_scheduling_ignored_during_execution),
                (-1, far.preferred_during_scheduling_ignored_during_execution),
            )
            for weighted in terms
        ]
        self._spread = [(c, self._spread_tally(c)) for c in version.spec.topology_spread_constraints]
        self._kept_away = list(self._guarded(ground))
        self.concerns = bool(self._near or self._far or self._liked or self._spread or self._kept_away)
        """Anything at all: without it a version is placed by counting alone."""
        if self.concerns:
            for record, view in ground.records():
                self.placed(record, view)

    def placed(self, record: PodRecord, view: NodeView) -> None:
        for tally in self._every():
            tally.add(record, view)

    def obstacle(self, view: NodeView, candidates: Iterable[NodeView]) -> str:
        """Why not this node now; "" if nothing speaks against it."""
        if any(view.labels.get(key) == domain for key, domain in self._kept_away):
            return "kept free by another pod's podAntiAffinity"
        if any(t.at(view) for t in self._far):
            return "taken, by its podAntiAffinity"
        if any(not self._together(t, view) for t in self._near):
            return "without the pod that its podAffinity wants"
        for constraint, tally in self._spread:
            if constraint.when_unsatisfiable == "DoNotSchedule" and not _even(
                constraint, tally, view, candidates
            ):
                return f"too full already, by its spread over {constraint.topology_key}"
        return ""

    def preference(self, view: NodeView) -> int:
        liked = sum(weight for weight, tally in self._liked if tally.at(view))
        return liked - sum(t.at(view) for c, t in self._spread if c.when_unsatisfiable == "ScheduleAnyway")

    def _together(self, tally: Tally, view: NodeView) -> bool:
        """Kubernetes: the first pod of a group that wants its own kind may go anywhere."""
        if view.labels.get(tally.key) is None:
            return False
        return bool(tally.at(view)) or (tally.own and not tally.counts)

    def _every(self) -> Iterable[Tally]:
        yield from self._near
        yield from self._far
        yield from (t for _, t in self._liked)
        yield from (t for _, t in self._spread)

    def _tallies(self, terms: Iterable[PodAffinityTerm]) -> list[Tally]:
        return [self._tally(term) for term in terms]

    def _tally(self, term: PodAffinityTerm) -> Tally:
        matches = matcher(term, self._namespace)
        own = matches(self._namespace, self._version.labels)
        return Tally(key=term.topology_key, matches=matches, own=own)

    def _spread_tally(self, constraint: TopologySpreadConstraint) -> Tally:
        selector, namespace = constraint.label_selector, self._namespace

        def matches(space: str, labels: dict[str, str]) -> bool:
            return space == namespace and selector is not None and selector.matches(labels)

        own = matches(namespace, self._version.labels)
        return Tally(key=constraint.topology_key, matches=matches, own=own)

    def _guarded(self, ground: Ground) -> Iterable[tuple[str, str]]:
        """Domains that pods already there keep free of such a pod (Kubernetes: anti-affinity is mutual)."""
        for record, view in ground.guards():
            terms = record.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution
            for term in terms:
                domain = view.labels.get(term.topology_key)
                if domain is not None and matcher(term, record.namespace)(
                    self._namespace, self._version.labels
                ):
                    yield term.topology_key, domain


def matcher(term: PodAffinityTerm, namespace: str) -> Matches:
    """Without a selector it means no pod; without namespaces its own one (Kubernetes: PodAffinityTerm).

    A namespace is known by its name only: `kubernetes.io/metadata.name`.
    """
    selector, spaces = term.label_selector, term.namespaces
    by_label: LabelSelector | None = term.namespace_selector

    def matches(space: str, labels: dict[str, str]) -> bool:
        if selector is None or not selector.matches(labels):
            return False
        if by_label is not None and by_label.matches({"kubernetes.io/metadata.name": space}):
            return True
        return space in spaces or (not spaces and by_label is None and space == namespace)

    return matches


def _even(
    constraint: TopologySpreadConstraint, tally: Tally, view: NodeView, candidates: Iterable[NodeView]
) -> bool:
    """One more here keeps within maxSkew of the emptiest domain. Domains are those the pod could go to."""
    domains = {d for v in candidates if (d := v.labels.get(tally.key)) is not None}
    if view.labels.get(tally.key) not in domains:
        return False
    fewest = min(tally.counts.get(d, 0) for d in domains)
    return tally.at(view) + tally.own - fewest <= constraint.max_skew
