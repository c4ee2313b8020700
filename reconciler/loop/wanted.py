"""From a source to what is desired. A revision with an error is refused whole; the last good one stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from reconciler.errors import ManifestError, ReconcilerError, SourceError
from reconciler.manifests.desired import DigestCache, desired
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.base import Value
from reconciler.model.capacity import Capacity
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.progress import Progress, fallback
from reconciler.model.revision import Revision
from reconciler.source import Source
from reconciler.source.snapshot import Snapshot


class Refusal(Value):
    """A revision that isn't applied, and why."""

    revision: Revision
    error: ReconcilerError


Capacities = Mapping[str, Capacity]
"""By node name, of the nodes that have told; the rule about sizes asks for all that a pod may go to."""


class Wanted:
    """What the source's newest good revision wants.

    `capacity` is asked when a new revision comes: one that no node could ever hold is refused. What was
    accepted before isn't, whatever nodes are there now: its pods wait for a node instead.
    """

    def __init__(self, fleet: Fleet, source: Source, capacity: Callable[[], Capacities] = dict) -> None:
        self._fleet, self._source, self._capacity = fleet, source, capacity
        self._cache, self._digests = LoadCache(), DigestCache()
        self._looked_at = ""
        self._current: Desired | None = None
        self._previous: Desired | None = None
        self._older: dict[str, Desired | None] = {}
        self.refusal: Refusal | None = None

    def start(self, changed: Callable[[], None]) -> None:
        self._source.start(changed)

    def fetch(self) -> None:
        """Bring the newest revision now. For one-shot use: raises `SourceError` and `ManifestError`."""
        self._look(self._source.fetch(), "")
        if self.refusal is not None:
            raise self.refusal.error

    @property
    def error(self) -> SourceError | None:
        """Why the source can't be read, if it can't."""
        return self._source.error()

    def update(self, progress: Progress) -> Desired | None:
        """The newest good revision; None while there has never been one. Doesn't block on the source."""
        snapshot = self._source.latest()
        if snapshot is not None and snapshot.revision.id != self._looked_at:
            self._look(snapshot, progress.accepted)
        return None if self._current is None else self._with_stable(self._current, progress)

    def _look(self, snapshot: Snapshot, accepted: str) -> None:
        self._looked_at = snapshot.revision.id
        try:
            known = {} if snapshot.revision.id == accepted else self._capacity()
            self._previous, self._current = self._current, self._load(snapshot, known)
            self.refusal = None
        except ReconcilerError as error:
            self.refusal = Refusal(revision=snapshot.revision, error=error)
            if self._current is None and accepted:
                self._current = self._at(accepted)

    def _load(self, snapshot: Snapshot, capacity: Capacities) -> Desired:
        loaded = load_tree(snapshot.root, fleet=self._fleet, capacity=capacity, cache=self._cache)
        if loaded.errors:
            raise ManifestError(loaded.errors)
        return desired(
            self._fleet, snapshot.revision, loaded.objects, complete=snapshot.complete, cache=self._digests
        )

    def _with_stable(self, current: Desired, progress: Progress) -> Desired:
        """Add, for each workload that may return to it, the version that last converged."""
        hashes = current.hashes
        asked = {k: fallback(r, hashes[k]) for k, r in sorted(progress.rollouts.items()) if k in hashes}
        found = {k: self._stable(k, *version[::-1]) for k, version in asked.items() if all(version)}
        stable = {k: v for k, v in found.items() if v is not None}
        if stable.keys() == current.stable.keys() and all(
            stable[k].template_hash == current.stable[k].template_hash for k in stable
        ):
            return current
        self._current = msgspec.structs.replace(current, stable=stable)
        return self._current

    def _stable(self, key: Key, revision: str, template_hash: str) -> StableVersion | None:
        """From the revision of just before, where nothing has to be read for it, or from its own."""
        before = self._previous
        same = before is not None and before.hashes.get(key) == template_hash
        then = before if same else self._at(revision)
        if then is None or then.hashes.get(key) != template_hash:
            return None
        return StableVersion(
            workload=then.workloads[key],
            template_hash=template_hash,
            revision=then.revision,
            contents=then.contents,
        )

    def _at(self, revision: str) -> Desired | None:
        """An earlier revision, None when the source no longer has it or it can't be read any more."""
        if revision not in self._older:
            try:
                snapshot = self._source.at(revision)
                self._older[revision] = self._load(snapshot, {}) if snapshot else None
            except ReconcilerError:
                self._older[revision] = None
        return self._older[revision]

    def close(self) -> None:
        self._source.close()
