"""What a pod is made from: a template under its hash, from a manifest, history, or a running pod."""

from __future__ import annotations

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
        )


def wanted_version(desired: Desired, key: Key) -> Version:
    return _of(key, desired.workloads[key], desired.hashes[key], desired.revision.id)


def stable_version(key: Key, stable: StableVersion) -> Version:
    return _of(key, stable.workload, stable.template_hash, stable.revision.id)


def version_of(record: PodRecord) -> Version:
    """From a pod's own record: enough to start another one like it."""
    return Version(
        template_hash=record.template_hash,
        revision=record.revision,
        spec=record.spec,
        labels=record.labels,
        annotations=record.annotations,
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
