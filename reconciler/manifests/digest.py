"""Digests that decide whether pods must be replaced: of a template, and of what it reads.

Equal for any order of keys, for defaults written or left out, and from one version of this program to
the next as long as new fields have defaults.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from reconciler.model.config import ConfigMap, Secret
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.pod import Pod, PodTemplate

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


def workload_hash(template: bytes, read: list[tuple[Key, bytes | None]]) -> str:
    """10 hex digits over the template's digest and those of what it reads (None: it isn't there)."""
    running = blake2b(template, digest_size=HASH_DIGITS // 2)
    for key, content in read:
        running.update(repr(tuple(key)).encode() + (content or b"absent"))
    return running.hexdigest()
