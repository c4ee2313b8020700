"""Pod names: `web-<hash>-<n>` for Deployments, `rs-<n>` for other sets, its own for a bare Pod."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from itertools import count

from reconciler.model.kinds import KINDS
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.progress import Attempt

VERSIONED = ("Deployment", "Rollout")
"""Kinds that keep pods of several versions apart by their names."""
KNOWN_KINDS = frozenset(kind for _, kind in KINDS)


def prefix(owner: Key, template_hash: str) -> str:
    return f"{owner.name}-{template_hash}" if owner.kind in VERSIONED else owner.name


class Names:
    """Which names are taken, by anything that was seen anywhere, also ending or on a lost node.

    The rule of naming tells who could hold a name, so that nobody has to index every pod of the fleet.
    """

    def __init__(self, observed: Observed, attempts: Mapping[Key, Attempt], wanted: Container[Key]) -> None:
        self._observed = observed
        self._given = {(key.namespace, key.name) for key in attempts}
        self._wanted = wanted
        self._strangers: set[tuple[str, str]] | None = None

    def free(self, owner: Key, template_hash: str) -> Iterator[str]:
        """Free names in order, lowest ordinal first; each counts as given once it has been yielded."""
        stem = prefix(owner, template_hash)
        taken = set(self._neighbours(owner, stem))
        for number in count():
            name = f"{stem}-{number}"
            if (owner.namespace, name) in self._given or name in taken or self._by_others(owner, name):
                continue
            self._given.add((owner.namespace, name))
            yield name

    def _neighbours(self, owner: Key, stem: str) -> Iterator[str]:
        """Names held by those whose pods are called `<stem>-<n>` too."""
        space = owner.namespace
        others = {owner, Key("ReplicaSet", space, stem), Key("ReplicationController", space, stem)}
        others.update(Key(kind, space, stem.rpartition("-")[0]) for kind in VERSIONED)
        for other in others:
            yield from (p.record.name for p in self._observed.by_owner.get(other, ()))

    def _by_others(self, owner: Key, name: str) -> bool:
        bare = Key("Pod", owner.namespace, name)
        if bare in self._observed.by_owner or bare in self._wanted:
            return True
        return (owner.namespace, name) in self._unknown()

    def _unknown(self) -> set[tuple[str, str]]:
        """Pods of kinds that this version doesn't know may be called anything."""
        if self._strangers is None:
            owners = [o for o in self._observed.by_owner if o.kind not in KNOWN_KINDS]
            pods = [p.record for o in owners for p in self._observed.by_owner[o]]
            self._strangers = {(r.namespace, r.name) for r in pods}
        return self._strangers
