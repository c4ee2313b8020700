"""Rules about `workloadRef`: the Deployment whose pods a Rollout takes over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.manifests.delivered import Delivered, workload_of
from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.rules.missing import missing
from reconciler.manifests.said import Said
from reconciler.model.labels import STRATEGY_ANNOTATION
from reconciler.model.meta import Key
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment

_PATH = ("spec", "workloadRef", "name")


def across(every: Sequence[Delivered], kept: Kept, *, complete: bool) -> Iterator[tuple[Entry, Said]]:
    taken: dict[Key, Key] = {}
    for one in every:
        item = one.entry.item
        if not isinstance(item, Rollout) or item.spec.workload_ref is None:
            continue
        key = workload_of(item)
        found = kept.get(key)
        if found is None or not isinstance(found.item, Deployment):
            yield one.entry, missing(key, _PATH, kept, complete=complete)
            continue
        owner = taken.setdefault(key, one.key)
        if owner != one.key:
            message = f"{key} is taken over by {owner} already"
            yield one.entry, Said(_PATH, message, "remove one of the two", rule="duplicate")
        yield from ((one.entry, said) for said in _fits(item, found.item))


def _fits(item: Rollout, source: Deployment) -> Iterator[Said]:
    labels = source.spec.template.metadata.labels
    if not item.spec.selector.matches(labels):
        message = f"doesn't match the labels of the template of {source.key}"
        remedy = "remove it: the Deployment's selector is used"
        yield Said(("spec", "selector"), message, remedy, rule="selector")
    if STRATEGY_ANNOTATION in source.metadata.annotations:
        message = f"{source.key} has the annotation {STRATEGY_ANNOTATION}, a strategy of its own"
        yield Said(_PATH, message, "keep one of the two", rule="strategy")
