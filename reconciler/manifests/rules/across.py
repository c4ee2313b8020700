"""Rules about all objects together: names taken twice, references that lead nowhere, ports held twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from reconciler.manifests.delivered import delivered
from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.references import Reference
from reconciler.manifests.rules import (
    ingress_backends,
    open_ports,
    rollout_services,
    rollout_templates,
    service_targets,
    workload_refs,
)
from reconciler.manifests.said import Said
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.meta import Key


def across(entries: Sequence[Entry], *, complete: bool) -> Iterator[tuple[Entry, Said]]:
    """`complete`: these are all objects there are. Otherwise a missing one may stand elsewhere: a warning."""
    kept: Kept = {}
    for entry in entries:
        key = entry.item.key
        first = kept.setdefault(key, entry)
        if first is not entry:
            yield entry, _twice(key, first)
    for entry in entries:
        for reference in entry.references:
            said = _follow(reference, entry, kept, complete)
            if said:
                yield entry, said
    yield from service_targets.across(entries, kept, complete=complete)
    yield from ingress_backends.across(entries, kept, complete=complete)
    yield from open_ports.across(entries)
    every = list(delivered(entries, kept))
    yield from rollout_services.across(every, kept, complete=complete)
    yield from rollout_templates.across(entries, every, kept, complete=complete)
    yield from workload_refs.across(every, kept, complete=complete)


def _twice(key: Key, first: Entry) -> Said:
    where = first.file if first.document < 1 else f"{first.file}, document {first.document + 1}"
    message = f"{key} is defined twice, first in {where}"
    return Said(("metadata", "name"), message, "remove or rename one of the two", rule="duplicate")


def _follow(reference: Reference, entry: Entry, kept: Kept, complete: bool) -> Said | None:
    key = Key(reference.kind, entry.item.metadata.namespace, reference.name)
    found = kept.get(key)
    if found is None:
        return None if reference.optional or _is_item(reference) else _absent(reference, key, kept, complete)
    if not reference.key or reference.optional:
        return None
    if reference.key in _keys(found.item):
        return None
    near = get_close_matches(reference.key, _keys(found.item), 1, 0.6)
    remedy = f"did you mean {near[0]}?" if near else f"add the key in {found.file}"
    return Said((*reference.path, "key"), f'{key} has no key "{reference.key}"', remedy, rule="reference")


def _absent(reference: Reference, key: Key, kept: Kept, complete: bool) -> Said:
    elsewhere = [k for k in kept if k.kind == key.kind and k.name == key.name]
    names = [k.name for k in kept if k.kind == key.kind and k.namespace == key.namespace]
    near = get_close_matches(key.name, names, 1, 0.7)
    if elsewhere:
        remedy = f"it is in namespace {elsewhere[0].namespace}; a pod reads its own namespace only"
    elif near:
        remedy = f"did you mean {near[0]}?"
    else:
        may_lack = reference.path[:2] != ("spec", "args") and key.kind != "Service" and reference.needed
        remedy = f"add the {key.kind}{', or write optional: true' if may_lack else ''}"
    sure = complete and reference.needed
    message = f"there is no {key}" if complete else f"there is no {key} in these files"
    return Said(reference.path, message, remedy, "error" if sure else "warning", "reference", lacks=key)


def _keys(item: object) -> list[str]:
    if isinstance(item, ConfigMap):
        return [*item.data, *item.binary_data]
    return [*item.data, *item.string_data] if isinstance(item, Secret) else []


def _is_item(reference: Reference) -> bool:
    """One key of a volume: that the whole object is missing has been said already."""
    return len(reference.path) > 1 and reference.path[-2] == "items"
