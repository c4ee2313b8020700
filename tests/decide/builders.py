"""Short ways to write fleets, workloads and revisions in tests of what is decided."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from reconciler.model.analysis import AnalysisTemplate
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.desired import Desired, StableVersion
from reconciler.model.fleet import Fleet
from reconciler.model.ingress import Ingress
from reconciler.model.kinds import CLUSTER_SCOPED, Addresses, AnyTemplate, Workload
from reconciler.model.meta import Key
from reconciler.model.pod import Pod
from reconciler.model.revision import Revision
from reconciler.model.rollout import Rollout, RolloutStrategy
from reconciler.model.service import Service
from reconciler.model.traffic import Challenge
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController

ARGO = "argoproj.io/v1alpha1"
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


T = TypeVar("T")


def made(kind: type[T], group: str, name: str, spec: dict[str, Any], **meta: Any) -> T:
    """An object of this kind, in namespace default if it is of one. `group` is its apiVersion, `meta` more of
    its metadata.
    """
    within = {} if kind.__name__ in CLUSTER_SCOPED else {"namespace": "default"}
    whole = {
        "apiVersion": group,
        "kind": kind.__name__,
        "metadata": {"name": name, **within, **meta},
        "spec": spec,
    }
    return msgspec.convert(whole, kind)


def _pod_spec(image: str, spec: dict[str, Any], container: dict[str, Any]) -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": image, **container}], **spec}


def _template(
    name: str, image: str, pod: dict[str, Any] | None = None, container: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The part of a workload's spec that its pods are made from, labelled `app: <name>`."""
    spec = _pod_spec(image, pod or {}, container or {})
    return {"template": {"metadata": {"labels": {"app": name}}, "spec": spec}}


def _selected(name: str) -> dict[str, Any]:
    return {"selector": {"matchLabels": {"app": name}}}


def deployment(
    name: str = "web",
    image: str = "web:v1",
    replicas: int = 3,
    *,
    container: dict[str, Any] | None = None,
    pod: dict[str, Any] | None = None,
    **spec: Any,
) -> Deployment:
    template = _template(name, image, pod, container)
    return made(Deployment, "apps/v1", name, {"replicas": replicas, **_selected(name), **template, **spec})


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
    whole = {"replicas": replicas, **_selected(name), **_template(name, image, pod), "strategy": strategy}
    return made(Rollout, ARGO, name, whole | spec, labels=labels or {})


def analysis_template(name: str, *metrics: dict[str, Any], **spec: Any) -> AnalysisTemplate:
    return made(AnalysisTemplate, ARGO, name, {"metrics": [*metrics], **spec})


def replica_set(name: str = "rs", image: str = "web:v1", replicas: int = 2) -> ReplicaSet:
    spec = {"replicas": replicas, **_selected(name), **_template(name, image)}
    return made(ReplicaSet, "apps/v1", name, spec)


def controller(name: str = "rc", image: str = "web:v1", replicas: int = 2) -> ReplicationController:
    return made(ReplicationController, "v1", name, {"replicas": replicas, **_template(name, image)})


def bare_pod(
    name: str = "job", image: str = "job:v1", *, container: dict[str, Any] | None = None, **spec: Any
) -> Pod:
    return made(Pod, "v1", name, _pod_spec(image, spec, container or {}), labels={"app": name})


def service(
    name: str = "web", *ports: dict[str, Any], annotations: dict[str, str] | None = None, **spec: Any
) -> Service:
    """Of the pods labelled `app: <name>`, port 80, unless told otherwise."""
    whole = {"selector": {"app": name}, "ports": [*ports] or [{"port": 80, "targetPort": 8080}], **spec}
    return made(Service, "v1", name, whole, annotations=annotations or {})


def ingress(name: str = "web", **spec: Any) -> Ingress:
    return made(Ingress, "networking.k8s.io/v1", name, spec)


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
