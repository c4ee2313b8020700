"""From a source to what is desired. A revision with an error is refused whole; the last good one stays.

Reading a revision may take long: git, kustomize, thousands of files. It is done beside the loop, which waits
for it a moment, and otherwise goes on with what it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from time import monotonic

import msgspec

from reconciler.errors import ManifestError, ReconcilerError, SourceError
from reconciler.loop.reading import Reading
from reconciler.loop.versions import Versions
from reconciler.manifests.desired import DigestCache, desired
from reconciler.manifests.kustomize import Renderer
from reconciler.manifests.load import LoadCache, load_tree
from reconciler.model.base import Value
from reconciler.model.capacity import Capacity
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.progress import Progress, fallback
from reconciler.model.revision import Revision
from reconciler.source import Source
from reconciler.source.snapshot import Snapshot

PATIENCE_S = 2.0
"""How long a pass waits for a new revision: most are read in a fraction of it."""
OLDER_PATIENCE_S = 15.0
"""And for an older one, without which a version to return to would get the newest ConfigMaps."""


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
        self._renderer = Renderer(remote=fleet.spec.manifests.remote_bases == "allow")
        self._changed: Callable[[], None] = _nobody
        self._newest: Reading | None = None
        self._looked_at, self._again_at = "", inf
        self._current: Desired | None = None
        self._previous: Desired | None = None
        self._older: dict[str, Reading] = {}
        self._stopped = False
        self._versions = Versions()
        self._last: tuple[Desired, Desired] | None = None
        self.refusal: Refusal | None = None

    def start(self, changed: Callable[[], None]) -> None:
        """Follow the source. `changed` is called when `update` or `error` may give something new."""
        self._changed = changed
        self._source.start(changed)

    def fetch(self) -> None:
        """Bring the newest revision now. For one-shot use: raises `SourceError` and `ManifestError`."""
        snapshot = self._source.fetch()
        self._looked_at = snapshot.revision.id
        self._current = self._load(snapshot, self._capacity(), self._cache, self._digests)

    @property
    def error(self) -> SourceError | None:
        """Why the source can't be read, if it can't."""
        return self._source.error()

    def update(self, progress: Progress, observed: Observed | None = None) -> Desired | None:
        """The newest good revision that has been read, its versions under the hashes by which they are
        known; None while there has never been one. Blocks for seconds at most, and not once it is stopped.
        """
        snapshot = self._source.latest()
        if monotonic() >= self._again_at:
            self._looked_at, self._again_at = "", inf
        began = self._newest is None and snapshot is not None and snapshot.revision.id != self._looked_at
        if began and snapshot is not None and not self._stopped:
            self._begin(snapshot, progress.accepted)
        reading = self._newest
        if reading is not None and self._over(reading, PATIENCE_S if began else 0.0) and not self._stopped:
            self._newest = None
            self._take(reading)
            if snapshot is not None and snapshot.revision.id != self._looked_at:
                self._changed()  # it came while this one was being read
        if self._current is None and self.refusal is not None and progress.accepted:
            self._current = self._at(progress.accepted)
        if self._current is None:
            return None
        observed = observed or Observed()
        named = self._versions.named(self._current, observed, progress)
        return self._with_stable(named, progress, observed)

    def _begin(self, snapshot: Snapshot, accepted: str) -> None:
        known = {} if snapshot.revision.id == accepted else self._capacity()

        def read() -> Desired:
            return self._load(snapshot, known, self._cache, self._digests)

        self._newest = Reading(snapshot.revision, read, self._changed)
        self._looked_at = snapshot.revision.id

    def _take(self, reading: Reading) -> None:
        self._again_at = reading.again_at
        if reading.error is None:
            self._previous, self._current, self.refusal = self._current, reading.desired, None
        else:
            self.refusal = Refusal(revision=reading.revision, error=reading.error)

    def _load(
        self, snapshot: Snapshot, capacity: Capacities, cache: LoadCache, digests: DigestCache
    ) -> Desired:
        loaded = load_tree(
            snapshot.root,
            tree=snapshot.top,
            fleet=self._fleet,
            capacity=capacity,
            cache=cache,
            renderer=self._renderer,
        )
        if loaded.errors:
            raise ManifestError(loaded.errors)
        return desired(
            self._fleet, snapshot.revision, loaded.objects, complete=snapshot.complete, cache=digests
        )

    def _with_stable(self, named: Desired, progress: Progress, observed: Observed) -> Desired:
        """Add, for each workload that may return to it, the version that last converged. The same object
        again where nothing has changed.
        """
        hashes = named.hashes
        asked = {k: fallback(r, hashes[k]) for k, r in sorted(progress.rollouts.items()) if k in hashes}
        found = {k: self._stable(k, *version, observed) for k, version in asked.items() if all(version)}
        stable = {k: v for k, v in found.items() if v is not None}
        before, with_stable = self._last or (None, named)
        if (
            before is not named
            or with_stable.stable.keys() != stable.keys()
            or any(one.template_hash != with_stable.stable[key].template_hash for key, one in stable.items())
        ):
            with_stable = msgspec.structs.replace(named, stable=stable) if stable else named
            self._last = named, with_stable
        return with_stable

    def _stable(
        self, key: Key, template_hash: str, revision: str, observed: Observed
    ) -> StableVersion | None:
        """From the revision of just before, where nothing has to be read for it, or from its own."""
        before, knows = self._previous, self._versions.knows
        same = before is not None and knows(before, key, template_hash, observed)
        then = before if same else self._at(revision)
        if then is None or key not in then.hashes or not knows(then, key, template_hash, observed):
            return None
        own = then.hashes[key]
        return StableVersion(
            workload=then.workloads[key],
            template_hash=template_hash,
            meaning=own if own != template_hash else "",
            revision=then.revision,
            contents=then.contents,
        )

    def _at(self, revision: str) -> Desired | None:
        """An earlier revision, None when the source no longer has it or it can't be read any more."""

        def read() -> Desired | None:
            snapshot = self._source.at(revision)
            return self._load(snapshot, {}, LoadCache(), DigestCache()) if snapshot else None

        reading, patience = self._older.get(revision), 0.0
        if reading is not None and monotonic() >= reading.again_at:
            reading = None
        if reading is None and not self._stopped:
            reading, patience = Reading(Revision(id=revision), read, self._changed), OLDER_PATIENCE_S
            self._older[revision] = reading
        return reading.desired if reading is not None and self._over(reading, patience) else None

    def _over(self, reading: Reading, patience: float) -> bool:
        """A stop that came before `reading` stood where it looks hasn't abandoned it: nobody would."""
        return reading.wait(0.0 if self._stopped else patience)

    def stop(self) -> None:
        """End what is being read, and wait for nothing more. From any thread."""
        self._stopped = True
        self._renderer.stop()
        for reading in (self._newest, *tuple(self._older.values())):
            if reading is not None:
                reading.abandon()

    def close(self) -> None:
        self.stop()
        self._source.close()


def _nobody() -> None:
    """Nobody waits for news."""
