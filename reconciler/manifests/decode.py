"""Plain values become typed objects, with Kubernetes' defaults filled in.

The fast path only: what doesn't fit raises or is left to `explain`, which says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from reconciler.manifests.arguments import WITH_METRICS, hidden, shown_again
from reconciler.manifests.documents import Path
from reconciler.model.base import typed
from reconciler.model.kinds import CLUSTER_SCOPED, KINDS, Object

Mapping = dict[str, Any]
_NAME_DIGITS = 5


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
    kind = typed(KINDS[value["apiVersion"], value["kind"]])
    given = with_defaults(value)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError:
        plain, texts = hidden(given)
        if not texts:
            raise
        item: Object = shown_again(msgspec.convert(plain, kind), texts)
        return item


def with_defaults(value: Mapping) -> Mapping:
    """A copy with what Kubernetes fills in: the namespace, an emptyDir for a volume without a source, and
    `port` for a targetPort that is none.
    """
    out = dict(value)
    meta = value.get("metadata")
    if type(meta) is dict and value["kind"] not in CLUSTER_SCOPED and not meta.get("namespace"):
        meta = out["metadata"] = {**meta, "namespace": "default"}
    if type(meta) is dict and value["kind"] == "AnalysisRun":
        out["metadata"] = _named(meta, value.get("spec"))
    return _with_targets(out) if value["kind"] == "Service" else _with_empty_dirs(out)


def _named(meta: Mapping, spec: Any) -> Mapping:
    """A run that is to get a name gets one that stays until its spec changes: then it is another run."""
    if meta.get("name") or not isinstance(meta.get("generateName"), str):
        return meta
    from hashlib import blake2b  # loads OpenSSL, 12 ms, for those who have a run without a name

    content = msgspec.json.encode(spec, order="deterministic")
    name = meta["generateName"] + blake2b(content, digest_size=3).hexdigest()[:_NAME_DIGITS]
    return {**{key: one for key, one in meta.items() if key != "generateName"}, "name": name}


def _with_targets(value: Mapping) -> Mapping:
    """Kubernetes: SetDefaults_Service takes 0 and "" for `port`."""
    spec = value.get("spec")
    if type(spec) is dict and type(ports := spec.get("ports")) is list and any(map(_without_target, ports)):
        value["spec"] = {**spec, "ports": [_aimed(port) for port in ports]}
    return value


def _aimed(port: Any) -> Any:
    return {key: one for key, one in port.items() if key != "targetPort"} if _without_target(port) else port


def _without_target(port: Any) -> bool:
    return type(port) is dict and (port.get("targetPort") == "" or port.get("targetPort", "http") == 0)


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
    elif value["kind"] in WITH_METRICS and type(spec.get("metrics")) is list:
        value["spec"] = {**spec, "metrics": [_metric(metric) for metric in spec["metrics"]]}
    return value


def _metric(metric: Any) -> Any:
    """The pod of a metric's job has volumes, too."""
    found = metric
    for name in (*_TO_JOB_POD, "spec"):
        found = found.get(name) if type(found) is dict else None
    if type(found) is not dict or (changed := _pod_spec(found)) is found:
        return metric
    return _with(metric, _TO_JOB_POD, changed)


_TO_JOB_POD = ("provider", "job", "spec", "template")


def _with(value: Mapping, path: tuple[str, ...], pod: Mapping) -> Mapping:
    if not path:
        return {**value, "spec": pod}
    return {**value, path[0]: _with(value[path[0]], path[1:], pod)}


def _pod_spec(spec: Mapping) -> Mapping:
    volumes = spec.get("volumes")
    if type(volumes) is not list or not any(_without_source(v) for v in volumes):
        return spec
    return {**spec, "volumes": [{**v, "emptyDir": {}} if _without_source(v) else v for v in volumes]}


def _without_source(volume: Any) -> bool:
    return type(volume) is dict and volume.keys() == {"name"}
