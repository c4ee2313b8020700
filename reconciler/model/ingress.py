"""Ingress and IngressClass (networking.k8s.io/v1)."""

from __future__ import annotations

from typing import Any, Literal

from reconciler.model.base import Model
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.names import DNSSubdomain
from reconciler.model.service import PortNumber


class ServiceBackendPort(Model):
    """One of the two."""

    name: str = ""
    number: PortNumber | None = None


class IngressServiceBackend(Model):
    name: DNSSubdomain
    port: ServiceBackendPort = ServiceBackendPort()


class IngressBackend(Model):
    service: IngressServiceBackend | None = None


class HTTPIngressPath(Model):
    backend: IngressBackend
    path_type: Literal["Exact", "Prefix", "ImplementationSpecific"]
    path: str = "/"


class HTTPIngressRuleValue(Model):
    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(Model):
    """`host` may begin with `*.`; left out, every host is meant."""

    host: str = ""
    http: HTTPIngressRuleValue | None = None


class IngressTLS(Model):
    hosts: tuple[str, ...] = ()
    secret_name: DNSSubdomain = ""


class IngressSpec(Model):
    ingress_class_name: str = ""
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTLS, ...] = ()


class Ingress(Model):
    api_version: Literal["networking.k8s.io/v1"]
    kind: Literal["Ingress"]
    metadata: ObjectMeta
    spec: IngressSpec = IngressSpec()
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)


class IngressClassSpec(Model):
    controller: str = ""
    parameters: dict[str, Any] = {}


class IngressClass(Model):
    """Accepted, without effect: there is one controller, ours."""

    api_version: Literal["networking.k8s.io/v1"]
    kind: Literal["IngressClass"]
    metadata: ObjectMeta
    spec: IngressClassSpec = IngressClassSpec()

    @property
    def key(self) -> Key:
        return Key(self.kind, "", self.metadata.name)
