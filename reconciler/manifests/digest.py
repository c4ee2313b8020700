"""Digests that decide whether pods must be replaced: of a template, and of what it reads.

Equal for any order of keys, for defaults written or left out, and from one version of this program to
the next as long as new fields have defaults.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from reconciler.model.config import ConfigMap, Secret
from reconciler.model.container import Container
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.pod import Pod, PodSpec, PodTemplate
from reconciler.model.volume import Volume

HASH_DIGITS = 10


def template_of(workload: Workload) -> PodTemplate:
    """The pod template; a Pod is its own."""
    if isinstance(workload, Pod):
        return PodTemplate(spec=workload.spec, metadata=workload.metadata)
    return workload.spec.template


def template_digest(template: PodTemplate) -> bytes:
    """Over the labels, annotations and spec of a pod template, as canonical JSON without empty containers."""
    meta = template.metadata
    value = {
        "labels": meta.labels,
        "annotations": meta.annotations,
        "spec": msgspec.to_builtins(template.spec),
    }
    return blake2b(msgspec.json.encode(pruned(value), order="deterministic"), digest_size=16).digest()


def pruned(value: Any) -> Any:
    """Without empty mappings and lists: `resources: {}` means the same as leaving it out."""
    if isinstance(value, dict):
        inner = {key: pruned(one) for key, one in value.items()}
        return {key: one for key, one in inner.items() if one not in ({}, []) or key in MEANS_SOMETHING}
    if isinstance(value, list | tuple):
        return [pruned(one) for one in value]
    return value


MEANS_SOMETHING = frozenset({"emptyDir", "projected", "downwardAPI", "labelSelector", "namespaceSelector"})
"""Fields whose empty value differs from leaving them out."""


def contents_digest(content: ConfigMap | Secret) -> bytes:
    """Over a ConfigMap's or Secret's keys and bytes; `stringData` and its base64 are the same."""
    running = blake2b(digest_size=16)
    for key, value in sorted(content.contents().items()):
        for part in (key.encode(), value):
            running.update(len(part).to_bytes(8, "big") + part)
    return running.digest()


def reads(spec: PodSpec, namespace: str) -> tuple[Key, ...]:
    """The ConfigMaps and Secrets that a pod reads, sorted, whether optional or not."""
    names: set[tuple[str, str]] = set()
    for container in spec.every_container():
        names.update(_environment(container))
    for volume in spec.volumes:
        names.update(_volume(volume))
    return tuple(sorted(Key(kind, namespace, name) for kind, name in names))


def _environment(container: Container) -> Iterator[tuple[str, str]]:
    for source in container.env_from:
        if source.config_map_ref:
            yield "ConfigMap", source.config_map_ref.name
        if source.secret_ref:
            yield "Secret", source.secret_ref.name
    for origin in (variable.value_from for variable in container.env):
        if origin and origin.config_map_key_ref:
            yield "ConfigMap", origin.config_map_key_ref.name
        if origin and origin.secret_key_ref:
            yield "Secret", origin.secret_key_ref.name


def _volume(volume: Volume) -> Iterator[tuple[str, str]]:
    if volume.config_map:
        yield "ConfigMap", volume.config_map.name
    if volume.secret:
        yield "Secret", volume.secret.secret_name
    for part in volume.projected.sources if volume.projected else ():
        if part.config_map:
            yield "ConfigMap", part.config_map.name
        if part.secret:
            yield "Secret", part.secret.name


def workload_hash(template: bytes, read: list[tuple[Key, bytes | None]]) -> str:
    """10 hex digits over the template's digest and those of what it reads (None: it isn't there)."""
    running = blake2b(template, digest_size=HASH_DIGITS // 2)
    for key, content in read:
        running.update(repr(tuple(key)).encode() + (content or b"absent"))
    return running.hexdigest()
