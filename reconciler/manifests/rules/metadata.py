"""Rules about an object's own name, labels and annotations, and notes about what only servers write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from reconciler.manifests.documents import Path
from reconciler.manifests.fields import noted
from reconciler.manifests.rules import disks
from reconciler.manifests.said import Said, shown
from reconciler.model.base import Model
from reconciler.model.kinds import CLUSTER_SCOPED, Object
from reconciler.model.labels import (
    ANNOTATIONS,
    DOMAIN,
    DRAIN_ANNOTATION,
    INIT_ANNOTATION,
    STRATEGY_ANNOTATION,
)
from reconciler.model.meta import ObjectMeta

MAX_ANNOTATIONS = 256 * 1024
"""Kubernetes: bytes of all annotations of an object together."""
_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?")


def check(item: Object) -> Iterator[Said]:
    yield from notes(item, ())
    nameless = bool(item.metadata.generate_name and not item.metadata.name)  # then it is an error, no note
    meta = of_meta(item.metadata, ("metadata",))
    yield from (said for said in meta if not (nameless and said.path[-1] == "generateName"))
    yield from _name(item)
    if STRATEGY_ANNOTATION in item.metadata.annotations and item.kind != "Deployment":
        message = f"has no effect: it is read of Deployments, not of a {item.kind}"
        at = ("metadata", "annotations", STRATEGY_ANNOTATION)
        yield Said(at, message, "put it on a Deployment, or write a Rollout", "warning", rule="no-effect")
    if item.kind in CLUSTER_SCOPED and item.metadata.namespace:
        message = f"a {item.kind} is in no namespace"
        yield Said(("metadata", "namespace"), message, "remove the field", rule="name")


def _name(item: Object) -> Iterator[Said]:
    meta = item.metadata
    if meta.generate_name and not meta.name:
        yield Said(
            ("metadata", "generateName"),
            "an object needs the same name at every commit, so names aren't generated",
            "write metadata.name",
            rule="name",
        )
    elif not meta.name:
        yield Said(("metadata", "name"), "is missing, expected a DNS name", "add name", rule="required")


def of_meta(meta: ObjectMeta, path: Path) -> Iterator[Said]:
    yield from notes(meta, path)
    size = sum(len(key) + len(value) for key, value in meta.annotations.items())
    if size > MAX_ANNOTATIONS:
        message = f"hold {size:,} bytes, expected at most {MAX_ANNOTATIONS:,}"
        yield Said((*path, "annotations"), message, "move large data into a ConfigMap", rule="size")
    for key in meta.annotations:
        if key.startswith(DOMAIN):
            yield from _ours(key, path)


def _ours(key: str, path: Path) -> Iterator[Said]:
    """A slip of the pen would be silent otherwise: Kubernetes lets every annotation pass."""
    at = (*path, "annotations", key)
    if key not in ANNOTATIONS:
        names = [known.removeprefix(DOMAIN) for known in ANNOTATIONS]
        near = get_close_matches(key.removeprefix(DOMAIN), names, 1, 0.6)
        remedy = f"did you mean {DOMAIN}{near[0]}?" if near else f"known here: {', '.join(ANNOTATIONS)}"
        yield Said(at, "has no effect: there is no such annotation", remedy, "warning", rule="no-effect")
    elif key == STRATEGY_ANNOTATION and path != ("metadata",):
        message = "has no effect: it is read of the Deployment itself, not of its pods"
        yield Said(at, message, "move it to metadata.annotations", "warning", rule="no-effect")


def of_pod(meta: ObjectMeta, path: Path) -> Iterator[Said]:
    """A pod's own annotations that mean something here."""
    yield from disks.of_pod(meta, path)
    if meta.annotations.get(INIT_ANNOTATION, "true") not in ("true", "false"):
        message = f"expected true or false, found {shown(meta.annotations[INIT_ANNOTATION])}"
        yield Said((*path, "annotations", INIT_ANNOTATION), message, 'write it as "true"', rule="annotation")
    text = meta.annotations.get(DRAIN_ANNOTATION, "0").strip()
    if not _SECONDS.fullmatch(text):
        message = f"expected a number of seconds, found {shown(text)}"
        yield Said((*path, "annotations", DRAIN_ANNOTATION), message, 'write it as "30"', rule="annotation")


def notes(value: Model, path: Path) -> Iterator[Said]:
    """One note for each field of this struct that is accepted without an effect."""
    for name, why in noted(value):
        yield Said((*path, name), f"has no effect: {why}", severity="note", rule="no-effect")
