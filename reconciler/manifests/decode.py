"""Plain values become typed objects, with Kubernetes' defaults filled in.

The fast path only: what doesn't fit raises or is left to `explain`, which says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.manifests.documents import Path
from reconciler.model.base import typed
from reconciler.model.kinds import CLUSTER_SCOPED, KINDS, Object

Mapping = dict[str, Any]


def flatten(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """A document's objects with their paths: a `List`'s items, however nested, or the document itself."""
    if is_list(value):
        for index, item in enumerate(value["items"]):
            yield from flatten(item, (*path, "items", index))
    else:
        yield path, value


def is_list(value: Any) -> bool:
    """`kind: List`, or what `kubectl get -o yaml` of one kind prints (`PodList`)."""
    return (
        type(value) is dict
        and isinstance(value.get("kind"), str)
        and value["kind"].endswith("List")
        and isinstance(value.get("items", []), list)
        and "items" in value
    )


def decode(value: Mapping) -> Object:
    """The typed object. Raises `msgspec.ValidationError` or `KeyError` where `explain` has to be asked."""
    kind = KINDS[value["apiVersion"], value["kind"]]
    return msgspec.convert(with_defaults(value), typed(kind))


def with_defaults(value: Mapping) -> Mapping:
    """A copy with the namespace filled in and an emptyDir for a volume without a source, as in Kubernetes."""
    out = dict(value)
    meta = value.get("metadata")
    if type(meta) is dict and value["kind"] not in CLUSTER_SCOPED and not meta.get("namespace"):
        out["metadata"] = {**meta, "namespace": "default"}
    return _with_empty_dirs(out)


def _with_empty_dirs(value: Mapping) -> Mapping:
    """Kubernetes: SetDefaults_Volume makes a volume that names no source an emptyDir."""
    spec = value.get("spec")
    if type(spec) is not dict:
        return value
    template = spec.get("template")
    if type(template) is dict and type(template.get("spec")) is dict:
        changed = _pod_spec(template["spec"])
        if changed is not template["spec"]:
            value["spec"] = {**spec, "template": {**template, "spec": changed}}
    elif "containers" in spec:
        value["spec"] = _pod_spec(spec)
    return value


def _pod_spec(spec: Mapping) -> Mapping:
    volumes = spec.get("volumes")
    if type(volumes) is not list or not any(_without_source(v) for v in volumes):
        return spec
    return {**spec, "volumes": [{**v, "emptyDir": {}} if _without_source(v) else v for v in volumes]}


def _without_source(volume: Any) -> bool:
    return type(volume) is dict and volume.keys() == {"name"}
