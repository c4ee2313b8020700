"""Under which hash a version is known already: pods of one meaning stay, whatever they are called.

A version's hash stands for its meaning. Before, it stood for the spelling, too, so pods of an older
reconciler carry other hashes, and what is remembered of rollouts names them. As a Deployment in Kubernetes
goes on with the ReplicaSet whose template equals its own, such a version keeps the name that it has: nothing
is replaced, retried or numbered anew because the program is another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from reconciler.decide.version import HASH_LABELS
from reconciler.manifests.digest import LENT, contents_digest, former_digest, template_digest, workload_hash
from reconciler.model.desired import Contents, Desired
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.observed import Observed, PodRecord, PodState
from reconciler.model.pod import PodTemplate
from reconciler.model.progress import Progress, RolloutState
from reconciler.model.reading import reads

MOST = 5000
"""Records whose meaning is kept."""
Seen = tuple[Desired, tuple[PodState, ...], RolloutState | None]


class Versions:
    """Remembers from pass to pass what hasn't changed."""

    def __init__(self) -> None:
        self._names: dict[Key, tuple[Seen, str]] = {}
        self._means: dict[tuple[int, int], tuple[PodRecord, Contents, str]] = {}
        self._last: tuple[Desired, dict[Key, str], Desired] | None = None

    def named(self, desired: Desired, observed: Observed, progress: Progress) -> Desired:
        """With every version under the hash by which it is known; `desired` itself where that is its own."""
        known = {
            key: name
            for key, own in desired.hashes.items()
            if (name := self._name(desired, key, observed, progress)) != own
        }
        self._forget(observed)
        if not known:
            return desired
        if self._last is None or self._last[0] is not desired or self._last[1] != known:
            meanings = {key: desired.hashes[key] for key in known}
            renamed = msgspec.structs.replace(desired, hashes=desired.hashes | known, meanings=meanings)
            self._last = desired, known, renamed
        return self._last[2]

    def knows(self, desired: Desired, key: Key, name: str, observed: Observed) -> bool:
        """Whether `name` stands for what `desired` wants of the workload."""
        own = desired.hashes.get(key, "")
        pods = observed.by_owner.get(key, ())
        return name in (own, desired.former.get(key, own)) or name in self._of_pods(desired, key, pods)

    def _name(self, desired: Desired, key: Key, observed: Observed, progress: Progress) -> str:
        seen = desired, observed.by_owner.get(key, ()), progress.rollouts.get(key)
        before = self._names.get(key)
        if before is None or any(a is not b for a, b in zip(before[0], seen, strict=True)):
            before = self._names[key] = seen, self._found(desired, key, *seen[1:])
        return before[1]

    def _found(self, desired: Desired, key: Key, pods: Sequence[PodState], state: RolloutState | None) -> str:
        """What is under way keeps its name; else it is that of the most pods, or the one remembered."""
        own = desired.hashes[key]
        carried = self._of_pods(desired, key, pods)
        remembered = [name for name in _remembered(state) if name in (own, desired.former.get(key, own))]
        if state is not None and state.template_hash in {*carried, *remembered}:
            return state.template_hash
        return next((name for name, _ in carried.most_common(1)), next(iter(remembered), own))

    def _of_pods(self, desired: Desired, key: Key, pods: Sequence[PodState]) -> Counter[str]:
        """How many pods have the wanted version under which hash."""
        own = desired.hashes.get(key, "")
        direct = (own, desired.former.get(key, own))
        return Counter(
            sorted(
                pod.record.template_hash
                for pod in pods
                if pod.record.template_hash in direct or self._meaning(pod.record, desired.contents) == own
            )
        )

    def _meaning(self, record: PodRecord, contents: Contents) -> str:
        place = id(record), id(contents)
        known = self._means.get(place)
        if known is None or known[0] is not record or known[1] is not contents:
            known = self._means[place] = record, contents, meaning(record, contents)
        return known[2]

    def _forget(self, observed: Observed) -> None:
        """Pods that have gone."""
        if len(self._means) > MOST:
            here = {id(pod.record) for pod in observed.pods()}
            self._means = {place: one for place, one in self._means.items() if place[0] in here}
            if len(self._means) > MOST:
                self._means.clear()


def meaning(record: PodRecord, contents: Contents) -> str:
    """The hash of what the pod was made from, with what it reads now; "" when that isn't what it was made
    from, or can't be told.
    """
    if record.meaning:
        return record.meaning
    template = _template(record)
    read = [
        (key, contents_digest(contents[key]) if key in contents else None)
        for key in reads(record.spec, record.namespace)
    ]
    for mark in (b"", LENT):
        if workload_hash(former_digest(template) + mark, read) == record.template_hash:
            return workload_hash(template_digest(template) + mark, read)
    return ""


def _template(record: PodRecord) -> PodTemplate:
    ours = HASH_LABELS.get(record.owner.kind)
    labels = {name: value for name, value in record.labels.items() if name != ours}
    return PodTemplate(spec=record.spec, metadata=ObjectMeta(labels=labels, annotations=record.annotations))


def _remembered(state: RolloutState | None) -> Iterator[str]:
    if state is not None:
        yield from (state.template_hash, state.stable_hash)
        yield from (past.template_hash for past in reversed(state.history))
