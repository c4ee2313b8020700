"""Pods that may run on nodes that nobody has looked into: a silent node is never taken for an empty one.

Progress remembers which nodes hold pods. A node that isn't among them delays nothing. Where there is no
progress, a pod network on any node tells that the fleet has run before: then every node that can't be
looked into may hold pods. Where nothing tells so, the fleet is new; only nodes that haven't been asked
yet are waited for.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from reconciler.decide.survey import NodeView, Survey
from reconciler.model.meta import Key
from reconciler.model.progress import Progress

_GONE = ("silent", "lost")


class Hidden:
    """One pass's nodes in the dark. Pure, as everything here."""

    def __init__(self, survey: Survey, before: Progress, now: float) -> None:
        self._survey, self._before, self._now = survey, before, now
        self._remembers = bool(before.rollouts or before.nodes)
        self._in_use = {v.name for v in survey.views.values() if v.state.pods}
        self._has_run = bool(self._in_use) or any(v.state.pod_cidr for v in survey.views.values())
        self._suspects = self._suspected([v for v in survey.views.values() if v.never_seen])
        self._dark = [v for v in self._suspects if v.status == "unknown"]

    def of(self, owner: Key, seen: int, wanted: int) -> tuple[int, float | None]:
        """How many of the owner's pods may be there, and until when that holds back their successors. An
        analysis that goes on may have started any of its own.

        Pods that were never started can't be hidden: a workload that progress doesn't know is new, unless
        there is no progress at all.
        """
        until = self._until()
        if until is None or seen >= wanted:
            return 0, None
        if owner in self._before.runs:
            return wanted - seen, until
        known = self._before.rollouts.get(owner)
        if known is None:
            return (0 if self._remembers else wanted - seen), until
        before = wanted if known.replicas is None else known.replicas
        return max(0, min(wanted, before) - seen), until

    def where(self) -> str:
        """Those nodes, for a sentence."""
        return ", ".join(v.name for v in self._dark or self._suspects)

    def note(self) -> str:
        """What can't be said of nodes that don't answer; empty when there are none that matter."""
        gone = ", ".join(v.name for v in self._suspects if v.status in _GONE)
        text = f"{gone} can't be looked into; pods there that aren't wanted go when it answers"
        return text if gone else ""

    def nodes(self, starting: Iterable[str]) -> tuple[str, ...]:
        """For progress: every node that holds pods of ours, may hold some, or is now `starting` some."""
        found = (set(self._before.nodes) & self._survey.views.keys()) | self._in_use
        if not self._remembers:
            found.update(v.name for v in self._suspects)
        empty = {n for n in found - self._in_use if self._survey.views[n].status == "ready"}
        return tuple(sorted((found - empty).union(starting)))

    def _suspected(self, never_seen: list[NodeView]) -> list[NodeView]:
        if self._remembers:
            return [v for v in never_seen if v.name in self._before.nodes]
        return never_seen if self._has_run else [v for v in never_seen if v.status == "unknown"]

    def _until(self) -> float | None:
        """None: every suspect has been looked into, or given up. `inf`: one hasn't answered yet."""
        if self._dark:
            return inf
        ends = [v.lost_at + self._survey.eviction_after for v in self._suspects if v.status in _GONE]
        return max((end for end in ends if end > self._now), default=None)
