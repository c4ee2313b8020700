"""Containers: what runs, with which environment, ports, mounts and limits (core/v1 Container)."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from reconciler.model.base import Model
from reconciler.model.names import (
    ConfigKey,
    DNSLabel,
    DNSSubdomain,
    EnvName,
    Image,
    PortName,
    QualifiedName,
)
from reconciler.model.probe import Lifecycle, Probe
from reconciler.model.quantity import Quantity
from reconciler.model.security import SecurityContext


class ObjectFieldSelector(Model):
    field_path: str
    api_version: Literal["v1"] = "v1"


class ResourceFieldSelector(Model):
    resource: str
    container_name: str = ""
    divisor: Quantity = "0"


class ConfigMapKeySelector(Model):
    name: DNSSubdomain
    key: ConfigKey
    optional: bool = False


class SecretKeySelector(Model):
    name: DNSSubdomain
    key: ConfigKey
    optional: bool = False


class EnvVarSource(Model):
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    config_map_key_ref: ConfigMapKeySelector | None = None
    secret_key_ref: SecretKeySelector | None = None


class EnvVar(Model):
    name: EnvName
    value: str = ""
    value_from: EnvVarSource | None = None


class ConfigMapEnvSource(Model):
    name: DNSSubdomain
    optional: bool = False


class SecretEnvSource(Model):
    name: DNSSubdomain
    optional: bool = False


class EnvFromSource(Model):
    prefix: str = ""
    config_map_ref: ConfigMapEnvSource | None = None
    secret_ref: SecretEnvSource | None = None


class ContainerPort(Model):
    container_port: Annotated[int, Meta(ge=1, le=65535)]
    name: PortName = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    host_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    host_ip: str = field(default="", name="hostIP")


class VolumeMount(Model):
    name: DNSLabel
    mount_path: str
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False
    mount_propagation: Literal["None", "HostToContainer", "Bidirectional"] = "None"


class ResourceRequirements(Model):
    requests: dict[QualifiedName, Quantity] = {}
    limits: dict[QualifiedName, Quantity] = {}


class Container(Model):
    """`restart_policy: Always` is for init containers only: that makes one a sidecar."""

    name: DNSLabel
    image: Image
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    lifecycle: Lifecycle = Lifecycle()
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    security_context: SecurityContext = SecurityContext()
    restart_policy: Literal["Always"] | None = None
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: Literal["File", "FallbackToLogsOnError"] = "File"

    @property
    def pull_policy(self) -> Literal["Always", "IfNotPresent", "Never"]:
        """Kubernetes: Always for `:latest` or no tag, IfNotPresent otherwise (a digest counts as a tag)."""
        if self.image_pull_policy is not None:
            return self.image_pull_policy
        tail = self.image.rsplit("/", 1)[-1]
        tagged = "@" in tail or (":" in tail and not tail.endswith(":latest"))
        return "IfNotPresent" if tagged else "Always"
