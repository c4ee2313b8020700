"""Rules that types can't say. One file a subject; each rule yields `Said`, in the order of the manifest.

`check` is about one object alone, so its answer may be kept as long as the object; `across` is about all
objects together, `nodes` and `traffic` about objects and the inventory. Sources: Kubernetes' core, apps and
networking validation.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.rules import (
    analyses,
    config,
    endpoints,
    ingresses,
    metadata,
    pod_security,
    pods,
    rollouts,
    services,
    workloads,
)
from reconciler.manifests.said import Said
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from reconciler.model.config import ConfigMap, Namespace, Secret
from reconciler.model.ingress import Ingress, IngressClass
from reconciler.model.kinds import Object
from reconciler.model.pod import Pod
from reconciler.model.rollout import Rollout
from reconciler.model.service import Endpoints, EndpointSlice, Service
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController


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
    match item:
        case ConfigMap() | Secret():
            yield from config.check(item)
        case Service():
            yield from services.check(item)
        case Endpoints() | EndpointSlice():
            yield from endpoints.check(item)
        case Ingress():
            yield from ingresses.check(item)
        case Namespace():
            yield from pod_security.labels(item)
        case IngressClass():
            return
        case Pod():
            yield from metadata.of_pod(item.metadata, ("metadata",))
            yield from pods.check(item.spec, ("spec",))
        case Deployment() | ReplicaSet() | ReplicationController():
            yield from workloads.check(item)
        case Rollout():
            yield from rollouts.check(item)
        case AnalysisTemplate() | ClusterAnalysisTemplate() | AnalysisRun():
            yield from analyses.check(item)
