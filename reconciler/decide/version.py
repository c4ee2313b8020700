"""What a pod is made from: a template under its hash, from a manifest, now or of an earlier revision."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from reconciler.model.analysis import JobMetric
from reconciler.model.base import Value
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.observed import PodRecord
from reconciler.model.pod import Pod, PodSpec
from reconciler.model.rollout import HASH_LABEL

HASH_LABELS = {"Deployment": "pod-template-hash", "Rollout": HASH_LABEL}
"""On every pod of such an owner, as in Kubernetes and in Argo Rollouts."""


class Version(Value):
    template_hash: str
    revision: str
    spec: PodSpec
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    meaning: str = ""
    """As `PodRecord.meaning`."""

    def record(self, owner: Key, name: str, node: str, ip: str) -> PodRecord:
        return PodRecord(
            namespace=owner.namespace,
            name=name,
            owner=owner,
            template_hash=self.template_hash,
            revision=self.revision,
            node=node,
            spec=self.spec,
            ip=ip,
            labels=self.labels,
            annotations=self.annotations,
            meaning=self.meaning,
        )


def wanted_version(desired: Desired, key: Key) -> Version:
    version = _of(key, desired.workloads[key], desired.hashes[key], desired.revision.id)
    meaning = desired.meanings.get(key, "")
    return msgspec.structs.replace(version, meaning=meaning) if meaning else version


def stable_version(key: Key, stable: StableVersion) -> Version:
    version = _of(key, stable.workload, stable.template_hash, stable.revision.id)
    return msgspec.structs.replace(version, meaning=stable.meaning) if stable.meaning else version


def job_version(desired: Desired, job: JobMetric) -> Version:
    """A pod that measures. One that ends is never started again by itself: a Job's failures are counted in
    pods.
    """
    template = job.spec.template
    return Version(
        template_hash=blake2b(
            msgspec.json.encode(template, order="deterministic"), digest_size=5
        ).hexdigest(),
        revision=desired.revision.id,
        spec=msgspec.structs.replace(template.spec, restart_policy="Never"),
        labels=dict(sorted(template.metadata.labels.items())),
        annotations=template.metadata.annotations,
    )


def _of(key: Key, workload: Workload, template_hash: str, revision: str) -> Version:
    meta, spec = _template(workload)
    labels = meta.labels | ({HASH_LABELS[key.kind]: template_hash} if key.kind in HASH_LABELS else {})
    return Version(
        template_hash=template_hash,
        revision=revision,
        spec=spec,
        labels=dict(sorted(labels.items())),
        annotations=meta.annotations,
    )


def _template(workload: Workload) -> tuple[ObjectMeta, PodSpec]:
    if isinstance(workload, Pod):
        return workload.metadata, workload.spec
    return workload.spec.template.metadata, workload.spec.template.spec
