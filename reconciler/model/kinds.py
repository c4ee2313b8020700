"""Which kinds there are, and which Python type each one is. A new kind is added here."""

from __future__ import annotations

from reconciler.model.config import ConfigMap, Namespace, Secret
from reconciler.model.pod import Pod
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController

Workload = Deployment | ReplicaSet | ReplicationController | Pod
"""Kinds that want pods."""

Object = Workload | Namespace | ConfigMap | Secret
"""Every kind that can be applied."""

KINDS: dict[tuple[str, str], type[Object]] = {
    ("v1", "Namespace"): Namespace,
    ("v1", "Pod"): Pod,
    ("v1", "ConfigMap"): ConfigMap,
    ("v1", "Secret"): Secret,
    ("v1", "ReplicationController"): ReplicationController,
    ("apps/v1", "Deployment"): Deployment,
    ("apps/v1", "ReplicaSet"): ReplicaSet,
}
"""(apiVersion, kind) -> type."""

CLUSTER_SCOPED = frozenset({"Namespace"})
"""Kinds without a namespace."""
