"""Which kinds there are, and which Python type each one is. A new kind is added here."""

from __future__ import annotations

from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from reconciler.model.config import ConfigMap, Namespace, Secret
from reconciler.model.ingress import Ingress, IngressClass
from reconciler.model.pod import Pod
from reconciler.model.rollout import Rollout
from reconciler.model.service import Endpoints, EndpointSlice, Service
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController

Workload = Deployment | ReplicaSet | ReplicationController | Pod | Rollout
"""Kinds that want pods."""

Addresses = Endpoints | EndpointSlice
"""Kinds that name a service's endpoints by hand."""

AnyTemplate = AnalysisTemplate | ClusterAnalysisTemplate
"""Kinds that say how versions are judged."""

Object = (
    AnalysisRun
    | AnyTemplate
    | Workload
    | Namespace
    | ConfigMap
    | Secret
    | Service
    | Addresses
    | Ingress
    | IngressClass
)
"""Every kind that can be applied."""

KINDS: dict[tuple[str, str], type[Object]] = {
    ("v1", "Namespace"): Namespace,
    ("v1", "Pod"): Pod,
    ("v1", "ConfigMap"): ConfigMap,
    ("v1", "Secret"): Secret,
    ("v1", "ReplicationController"): ReplicationController,
    ("v1", "Service"): Service,
    ("v1", "Endpoints"): Endpoints,
    ("discovery.k8s.io/v1", "EndpointSlice"): EndpointSlice,
    ("networking.k8s.io/v1", "Ingress"): Ingress,
    ("networking.k8s.io/v1", "IngressClass"): IngressClass,
    ("apps/v1", "Deployment"): Deployment,
    ("apps/v1", "ReplicaSet"): ReplicaSet,
    ("argoproj.io/v1alpha1", "Rollout"): Rollout,
    ("argoproj.io/v1alpha1", "AnalysisTemplate"): AnalysisTemplate,
    ("argoproj.io/v1alpha1", "ClusterAnalysisTemplate"): ClusterAnalysisTemplate,
    ("argoproj.io/v1alpha1", "AnalysisRun"): AnalysisRun,
}
"""(apiVersion, kind) -> type."""

CLUSTER_SCOPED = frozenset({"Namespace", "IngressClass", "ClusterAnalysisTemplate"})
"""Kinds without a namespace."""
