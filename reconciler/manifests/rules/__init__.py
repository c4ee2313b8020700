"""Rules that types can't say. One file a subject; each rule yields `Said`, in the order of the manifest.

`check` is about one object alone, so its answer may be kept as long as the object; `across` is about all
objects together, `nodes` about objects and the inventory. Sources: Kubernetes' core and apps validation.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.rules import config, metadata, pods, workloads
from reconciler.manifests.said import Said
from reconciler.model.config import ConfigMap, Namespace, Secret
from reconciler.model.kinds import Object
from reconciler.model.pod import Pod


def check(item: Object) -> Iterator[Said]:
    """Every rule about one object alone; one note a field, however many containers have it."""
    noted: set[tuple[str, ...]] = set()
    for said in _all(item):
        field = tuple(part for part in said.path if isinstance(part, str))
        if said.severity != "note" or field not in noted:
            yield said
        if said.severity == "note":
            noted.add(field)


def _all(item: Object) -> Iterator[Said]:
    yield from metadata.check(item)
    if isinstance(item, ConfigMap | Secret):
        yield from config.check(item)
    elif isinstance(item, Pod):
        yield from pods.check(item.spec, ("spec",))
    elif not isinstance(item, Namespace):
        yield from workloads.check(item)
