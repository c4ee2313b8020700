"""What is delivered step by step among all objects: its strategy, and the labels of its pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.strategy import strategy_of
from reconciler.model.kinds import Object
from reconciler.model.meta import Key
from reconciler.model.rollout import Rollout, RolloutStrategy
from reconciler.model.workload import Deployment


class Delivered(NamedTuple):
    """`path` leads to the strategy. `labels` are None when the Deployment that has them isn't there."""

    entry: Entry
    strategy: RolloutStrategy
    path: Path
    labels: Mapping[str, str] | None

    @property
    def key(self) -> Key:
        return self.entry.item.key

    @property
    def namespace(self) -> str:
        return self.entry.item.metadata.namespace


def delivered(entries: Sequence[Entry], kept: Kept) -> Iterator[Delivered]:
    for entry in entries:
        found = strategy_of(entry.item)
        if found is not None:
            yield Delivered(entry, *found, _labels(entry.item, kept))


def _labels(item: Object, kept: Kept) -> Mapping[str, str] | None:
    if isinstance(item, Rollout) and item.spec.workload_ref:
        source = kept.get(workload_of(item))
        item = source.item if source else item
        return item.spec.template.metadata.labels if isinstance(item, Deployment) else None
    return item.spec.template.metadata.labels if isinstance(item, Deployment | Rollout) else None


def workload_of(item: Rollout) -> Key:
    """The Deployment that a `workloadRef` names."""
    assert item.spec.workload_ref is not None
    return Key("Deployment", item.metadata.namespace, item.spec.workload_ref.name)
