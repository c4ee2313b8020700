"""Digests that decide whether pods must be replaced: of a template, and of what it reads.

Equal for everything that means the same (`model.canonical`), and from one version of this program to the
next as long as new fields have defaults. Where this is to become another form, `former_digest` has to give
the one before: `loop.versions` recognizes running pods by it.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from reconciler.model.canonical import canonical, pruned
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key
from reconciler.model.pod import Pod, PodTemplate

HASH_DIGITS = 10
LENT = b"lent"
"""Behind the digest of a template that a Deployment lends to a Rollout."""


def template_of(workload: Workload) -> PodTemplate:
    """The pod template; a Pod is its own."""
    if isinstance(workload, Pod):
        return PodTemplate(spec=workload.spec, metadata=workload.metadata)
    return workload.spec.template


def template_digest(template: PodTemplate) -> bytes:
    """Over the labels, annotations and meaning of a pod template, as canonical JSON."""
    return _digest(template, canonical(template.spec))


def former_digest(template: PodTemplate) -> bytes:
    """The same as version 0.1.0 made it: amounts, sets and defaults that depend on others count as they were
    written.
    """
    return _digest(template, msgspec.to_builtins(template.spec))


def _digest(template: PodTemplate, spec: object) -> bytes:
    meta = template.metadata
    value = {"labels": meta.labels, "annotations": meta.annotations, "spec": spec}
    return blake2b(msgspec.json.encode(pruned(value), order="deterministic"), digest_size=16).digest()


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
