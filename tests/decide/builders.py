"""Short ways to write fleets, workloads and revisions in tests of what is decided."""

from __future__ import annotations

from typing import Any

import msgspec

from reconciler.model.analysis import AnalysisTemplate
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.fleet import Fleet
from reconciler.model.ingress import Ingress
from reconciler.model.kinds import Addresses, AnyTemplate, Workload
from reconciler.model.meta import Key
from reconciler.model.pod import Pod
from reconciler.model.revision import Revision
from reconciler.model.rollout import Rollout, RolloutStrategy
from reconciler.model.service import Service
from reconciler.model.traffic import Challenge
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController

NODES = ("pi-1", "pi-2", "pi-3")
WEB = Key("Deployment", "default", "web")
ROLLOUT = Key("Rollout", "default", "web")


def fleet(*nodes: str | dict[str, Any], network: dict[str, Any] | None = None, **spec: Any) -> Fleet:
    """Nodes by name, or as the inventory writes them; `spec` in JSON's camelCase.

    Without a network of its own unless `network` says so: most of what is decided has nothing to do with it.
    """
    listed = [n if isinstance(n, dict) else {"name": n} for n in nodes or NODES]
    whole = {
        "apiVersion": "reconciler.io/v1",
        "kind": "Fleet",
        "metadata": {"name": "home"},
        "spec": {
            "nodes": [{"address": "ssh://pi@host"} | n for n in listed],
            "network": {"enabled": False} | (network or {}),
            **spec,
        },
    }
    return msgspec.convert(whole, Fleet)


def _pod_spec(image: str, spec: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": image, **container}], **spec}


def deployment(
    name: str = "web",
    image: str = "web:v1",
    replicas: int = 3,
    *,
    container: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    **spec: Any,
) -> Deployment:
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod_spec(image, pod or {}, container or {})}
    return msgspec.convert(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": template,
                **spec,
            },
        },
        Deployment,
    )


def rollout(
    strategy: dict[str, Any],
    name: str = "web",
    image: str = "web:v1",
    replicas: int = 4,
    *,
    labels: dict[str, str] | None = None,
    pod: dict[str, Any] | None = None,
    **spec: Any,
) -> Rollout:
    """`strategy` as the manifest writes it."""
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod_spec(image, pod or {}, {})}
    return msgspec.convert(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": name, "namespace": "default", "labels": labels or {}},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": template,
                "strategy": strategy,
                **spec,
            },
        },
        Rollout,
    )


def analysis_template(name: str, *metrics: dict[str, Any], **spec: Any) -> AnalysisTemplate:
    return msgspec.convert(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AnalysisTemplate",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"metrics": [*metrics], **spec},
        },
        AnalysisTemplate,
    )


def replica_set(name: str = "rs", image: str = "web:v1", replicas: int = 2) -> ReplicaSet:
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod_spec(image, {}, {})}
    return msgspec.convert(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": template,
            },
        },
        ReplicaSet,
    )


def controller(name: str = "rc", image: str = "web:v1", replicas: int = 2) -> ReplicationController:
    template = {"metadata": {"labels": {"app": name}}, "spec": _pod_spec(image, {}, {})}
    return msgspec.convert(
        {
            "apiVersion": "v1",
            "kind": "ReplicationController",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": replicas, "template": template},
        },
        ReplicationController,
    )


def bare_pod(
    name: str = "job", image: str = "job:v1", *, container: dict[str, Any] | None = None, **spec: Any
) -> Pod:
    return msgspec.convert(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": _pod_spec(image, spec, container or {}),
        },
        Pod,
    )


def service(
    name: str = "web", *ports: dict[str, Any], annotations: dict[str, str] | None = None, **spec: Any
) -> Service:
    """Of the pods labelled `app: <name>`, port 80, unless told otherwise."""
    whole = {"selector": {"app": name}, "ports": [*ports] or [{"port": 80, "targetPort": 8080}], **spec}
    meta = {"name": name, "namespace": "default", "annotations": annotations or {}}
    return msgspec.convert({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": whole}, Service)


def ingress(name: str = "web", **spec: Any) -> Ingress:
    meta = {"name": name, "namespace": "default"}
    whole = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": meta, "spec": spec}
    return msgspec.convert(whole, Ingress)


def template_hash(workload: Workload) -> str:
    """Ten hex digits of the template, as `manifests` would give it."""
    from hashlib import blake2b

    part = (workload.metadata.labels, workload.spec) if isinstance(workload, Pod) else workload.spec.template
    return blake2b(msgspec.json.encode(part), digest_size=5).hexdigest()


def desired(
    *workloads: Workload,
    of: Fleet | None = None,
    revision: str = "",
    hashes: dict[Key, str] | None = None,
    contents: tuple[ConfigMap | Secret, ...] = (),
    complete: bool = True,
    stable: dict[Key, StableVersion] | None = None,
    services: tuple[Service, ...] = (),
    addresses: tuple[Addresses, ...] = (),
    ingresses: tuple[Ingress, ...] = (),
    challenges: tuple[Challenge, ...] = (),
    templates: tuple[AnyTemplate, ...] = (),
    strategies: dict[Key, RolloutStrategy] | None = None,
    subject: str = "Update the fleet",
) -> Desired:
    listed = sorted(workloads, key=lambda w: w.key)
    found = {w.key: template_hash(w) for w in listed}
    return Desired(
        fleet=of or fleet(),
        revision=Revision(id=revision or "c0ffee0" + "0" * 33, subject=subject),
        workloads={w.key: w for w in listed},
        hashes=found | (hashes or {}),
        contents={c.key: c for c in contents},
        complete=complete,
        stable=stable or {},
        services={s.key: s for s in sorted(services, key=lambda s: s.key)},
        addresses={a.key: a for a in sorted(addresses, key=lambda a: a.key)},
        ingresses={i.key: i for i in sorted(ingresses, key=lambda i: i.key)},
        challenges=challenges,
        templates={t.key: t for t in templates},
        strategies=strategies or {},
    )
