"""No field is ever silently ignored: each is honoured, noted or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from reconciler.manifests.fields import NOTED, REFUSED, noted
from reconciler.manifests.judge import judge
from reconciler.manifests.reference import every_model, honoured
from reconciler.manifests.rollout_fields import REMEDIES
from reconciler.model.analysis import HAProxyMetric
from reconciler.model.base import Model
from reconciler.model.pod import PodSpec

MODELS = every_model()


def names(kind: type[Model]) -> set[str]:
    return {field.name for field in structs.fields(kind)}


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_field_of_a_model_is_honoured_or_noted_and_not_both(kind: type[Model]) -> None:
    works, noted_ = set(honoured(kind)), set(NOTED.get(kind, {}))
    assert works | noted_ == names(kind), "a new field has to be put into HONOURED or NOTED"
    assert not works & noted_


KUBERNETES: dict[str, list[str]] = json.loads((Path(__file__).parent / "kubernetes_fields.json").read_text())
"""Model -> its fields in the API of Kubernetes 1.34, from the generated Python client 34.1.0."""
ARGO: dict[str, list[str]] = json.loads((Path(__file__).parent / "argo_fields.json").read_text())
"""The same of Argo Rollouts 1.9.1, from its Go types, and JobSpec from Kubernetes 1.34."""
OUR_OWN = {("MetricProvider", "haproxy"), ("CanaryStep", "replicaProgressThreshold")}
"""Ours beside those of Argo Rollouts. The step is in its documentation, not in its types."""
NEWER_OR_GONE = {
    ("ObjectMeta", "clusterName"),
    ("PodSpec", "workloadRef"),
    ("IngressSpec", "backend"),
    ("IngressBackend", "serviceName"),
    ("IngressBackend", "servicePort"),
}


@pytest.mark.parametrize(
    "kind", [k for k in MODELS if k is not HAProxyMetric], ids=lambda kind: kind.__name__
)
def test_every_field_of_kubernetes_is_known(kind: type[Model]) -> None:
    """A field that somebody may have in a file is never called a misspelling; and there is no other."""
    ours = set(kind.__struct_encode_fields__) | set(REFUSED.get(kind, {}))
    gone = {name for owner, name in NEWER_OR_GONE | OUR_OWN if owner == kind.__name__}
    assert ours - gone == set({**KUBERNETES, **ARGO}[kind.__name__])


def test_tables_name_only_what_there_is() -> None:
    for kind, fields in NOTED.items():
        assert set(fields) <= names(kind), kind
    for kind, remedies in REMEDIES.items():
        assert set(remedies) <= set(REFUSED[kind]), kind
    for kind, refused in REFUSED.items():
        assert not set(refused) & set(kind.__struct_encode_fields__), kind


def test_a_note_is_given_only_for_what_differs_from_the_default() -> None:
    assert noted(PodSpec(containers=(), enable_service_links=True, scheduler_name="default-scheduler")) == []
    assert [name for name, _ in noted(PodSpec(containers=(), service_account="x", priority=1))] == [
        "serviceAccount",
        "priority",
    ]


@pytest.mark.parametrize(
    ("kind", "field", "why"),
    [(kind, field, why) for kind, fields in REFUSED.items() for field, why in fields.items()],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_each_refused_field_is_an_error_that_says_why(kind: type[Model], field: str, why: str) -> None:
    value, path = holder(kind.__name__)
    inner: Any = value
    for part in path:
        inner = inner[part]
    inner[field] = {}
    item, said = judge(value)
    assert item is None
    remedy = REMEDIES.get(kind, {}).get(field, "remove the field")
    assert [(one.path[-1], one.message, one.remedy) for one in said if one.rule == "unsupported"] == [
        (field, f"not supported: {why}", remedy)
    ]


ARGO_PATHS: dict[str, tuple[str | int, ...]] = {
    "CanaryStrategy": ("spec", "strategy", "canary"),
    "TrafficRouting": ("spec", "strategy", "canary", "trafficRouting"),
    "CanaryStep": ("spec", "strategy", "canary", "steps", 0),
    "BlueGreenStrategy": ("spec", "strategy", "blueGreen"),
    "MetricProvider": ("spec", "metrics", 0, "provider"),
    "Authentication": ("spec", "metrics", 0, "provider", "web", "authentication"),
    "JobSpec": ("spec", "metrics", 0, "provider", "job", "spec"),
}


def argo_holder(name: str) -> dict[str, Any]:
    """A Rollout or an AnalysisTemplate, in the same way."""
    head = {"apiVersion": "argoproj.io/v1alpha1", "metadata": {"name": "a"}}
    if ARGO_PATHS[name][1] == "strategy":
        canary: dict[str, Any] = {"trafficRouting": {}, "steps": [{}]}
        strategy = {"canary": canary, "blueGreen": {"activeService": "a"}}
        return {**head, "kind": "Rollout", "spec": {"workloadRef": {"name": "a"}, "strategy": strategy}}
    web = {"url": "http://a", "authentication": {}}
    template = {"spec": {"containers": [{"name": "a", "image": "a:1"}], "restartPolicy": "Never"}}
    provider = {"web": web, "job": {"spec": {"template": template}}}
    metrics = [{"name": "a", "provider": provider}]
    return {**head, "kind": "AnalysisTemplate", "spec": {"metrics": metrics}}


def holder(name: str) -> tuple[dict[str, Any], tuple[str | int, ...]]:
    """A pod (or another kind) that holds one of each model with refused fields, and the path to it."""
    if name.startswith("Ingress"):
        ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a"}}
        path: tuple[str | int, ...] = ("spec",) if name == "IngressSpec" else ("spec", "defaultBackend")
        return {**ingress, "spec": {"defaultBackend": {}}}, path
    if name in ARGO_PATHS:
        return argo_holder(name), ARGO_PATHS[name]
    container: dict[str, Any] = {
        "name": "a",
        "image": "a:1",
        "resources": {},
        "securityContext": {},
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "env": [{"name": "A", "valueFrom": {}}],
        "envFrom": [{}],
    }
    spec: dict[str, Any] = {
        "containers": [container],
        "securityContext": {},
        "volumes": [{"name": "v", "projected": {"sources": [{}]}}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "a", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "affinity": {
            "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a"}]}
        },
    }
    paths: dict[str, tuple[str | int, ...]] = {
        "ObjectMeta": ("metadata",),
        "PodSpec": ("spec",),
        "Container": ("spec", "containers", 0),
        "ResourceRequirements": ("spec", "containers", 0, "resources"),
        "VolumeMount": ("spec", "containers", 0, "volumeMounts", 0),
        "EnvVarSource": ("spec", "containers", 0, "env", 0, "valueFrom"),
        "SecurityContext": ("spec", "containers", 0, "securityContext"),
        "PodSecurityContext": ("spec", "securityContext"),
        "TopologySpreadConstraint": ("spec", "topologySpreadConstraints", 0),
        "PodAffinityTerm": (
            "spec", "affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution", 0,
        ),
        "VolumeProjection": ("spec", "volumes", 0, "projected", "sources", 0),
        "Volume": ("spec", "volumes", 0),
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": spec}, paths[name]
