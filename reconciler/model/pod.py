"""The pod (core/v1 Pod, PodSpec, PodTemplateSpec)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from reconciler.model.base import Model
from reconciler.model.container import Container
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.names import DNSLabel, DNSSubdomain, Int32, Labels, Seconds
from reconciler.model.placement import Affinity, Toleration, TopologySpreadConstraint
from reconciler.model.security import PodSecurityContext
from reconciler.model.volume import Volume


class LocalObjectReference(Model):
    name: DNSSubdomain


class HostAlias(Model):
    ip: str
    hostnames: tuple[str, ...] = ()


class PodDNSConfigOption(Model):
    name: str
    value: str | None = None


class PodDNSConfig(Model):
    nameservers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[PodDNSConfigOption, ...] = ()


class PodOS(Model):
    name: Literal["linux", "windows"]


class PodSpec(Model):
    containers: Annotated[tuple[Container, ...], Meta(min_length=1)]
    init_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    termination_grace_period_seconds: Seconds = 30
    node_name: DNSSubdomain = ""
    node_selector: Labels = {}
    affinity: Affinity = Affinity()
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    security_context: PodSecurityContext = PodSecurityContext()
    host_network: bool = False
    host_pid: bool = field(default=False, name="hostPID")
    host_ipc: bool = field(default=False, name="hostIPC")
    host_users: bool = True
    share_process_namespace: bool = False
    host_aliases: tuple[HostAlias, ...] = ()
    hostname: DNSLabel = ""
    subdomain: DNSLabel = ""
    set_hostname_as_fqdn: bool = field(default=False, name="setHostnameAsFQDN")
    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] = "ClusterFirst"
    dns_config: PodDNSConfig | None = None
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    runtime_class_name: DNSSubdomain = ""
    os: PodOS | None = None
    service_account_name: str = ""
    service_account: str = ""
    automount_service_account_token: bool | None = None
    enable_service_links: bool = True
    priority_class_name: str = ""
    priority: Int32 | None = None
    preemption_policy: Literal["PreemptLowerPriority", "Never"] = "PreemptLowerPriority"
    scheduler_name: str = "default-scheduler"

    @property
    def sidecars(self) -> tuple[Container, ...]:
        """Init containers that keep running beside the others (restartPolicy: Always)."""
        return tuple(c for c in self.init_containers if c.restart_policy == "Always")

    @property
    def needs_sandbox(self) -> bool:
        """More than one container at any time: something must hold the network they share."""
        return len(self.containers) + len(self.init_containers) > 1

    def every_container(self) -> Iterator[Container]:
        yield from self.init_containers
        yield from self.containers


class PodTemplate(Model):
    spec: PodSpec
    metadata: ObjectMeta = ObjectMeta()


class Pod(Model):
    api_version: Literal["v1"]
    kind: Literal["Pod"]
    metadata: ObjectMeta
    spec: PodSpec
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)
