"""Service, Endpoints (core/v1) and EndpointSlice (discovery.k8s.io/v1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from reconciler.model.base import Model
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.names import DNSLabel, Labels, QualifiedName

PortNumber = Annotated[int, Meta(ge=1, le=65535)]
Protocol = Literal["TCP", "UDP", "SCTP"]


class ServicePort(Model):
    """`targetPort` is a container port's number or name; left out, it is `port`."""

    port: PortNumber
    name: DNSLabel = ""
    protocol: Protocol = "TCP"
    target_port: Annotated[int, Meta(ge=0, le=65535)] | str | None = None
    node_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    app_protocol: QualifiedName = ""


class ClientIPConfig(Model):
    timeout_seconds: Annotated[int, Meta(ge=1, le=86400)] = 10800


class SessionAffinityConfig(Model):
    client_ip: ClientIPConfig | None = field(default=None, name="clientIP")


class ServiceSpec(Model):
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    selector: Labels | None = None
    cluster_ip: str = field(default="", name="clusterIP")
    """An address of the service range, `None` for a headless service, empty for one of our choice."""
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    external_ips: tuple[str, ...] = field(default=(), name="externalIPs")
    load_balancer_ip: str = field(default="", name="loadBalancerIP")
    load_balancer_source_ranges: tuple[str, ...] = ()
    load_balancer_class: str = ""
    allocate_load_balancer_node_ports: bool = True
    external_name: str = ""
    external_traffic_policy: Literal["Cluster", "Local", ""] = ""
    internal_traffic_policy: Literal["Cluster", "Local"] = "Cluster"
    health_check_node_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    publish_not_ready_addresses: bool = False
    session_affinity: Literal["None", "ClientIP"] = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    ip_families: tuple[Literal["IPv4", "IPv6"], ...] = ()
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack", ""] = ""
    traffic_distribution: str = ""


class Service(Model):
    api_version: Literal["v1"]
    kind: Literal["Service"]
    metadata: ObjectMeta
    spec: ServiceSpec = ServiceSpec()
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)

    @property
    def headless(self) -> bool:
        return self.spec.cluster_ip == "None"


class TargetReference(Model):
    """What stands behind an address; accepted, unused."""

    kind: str = ""
    name: str = ""
    namespace: str = ""
    uid: str = ""
    api_version: str = ""
    resource_version: str = ""
    field_path: str = ""


class EndpointAddress(Model):
    ip: str
    hostname: DNSLabel = ""
    node_name: str = ""
    target_ref: TargetReference | None = None


class EndpointPort(Model):
    port: PortNumber
    name: DNSLabel = ""
    protocol: Protocol = "TCP"
    app_protocol: str = ""


class EndpointSubset(Model):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Model):
    """Addresses by hand for the Service of the same name, which has no selector."""

    api_version: Literal["v1"]
    kind: Literal["Endpoints"]
    metadata: ObjectMeta
    subsets: tuple[EndpointSubset, ...] = ()

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)


class SliceConditions(Model):
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class SliceEndpoint(Model):
    addresses: Annotated[tuple[str, ...], Meta(min_length=1)]
    conditions: SliceConditions = SliceConditions()
    hostname: DNSLabel = ""
    node_name: str = ""
    zone: str = ""
    target_ref: TargetReference | None = None
    hints: dict[str, Any] = {}
    deprecated_topology: dict[str, str] = {}


class SlicePort(Model):
    port: PortNumber | None = None
    name: str = ""
    protocol: Protocol = "TCP"
    app_protocol: str = ""


SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class EndpointSlice(Model):
    """Addresses by hand for the Service that its `kubernetes.io/service-name` label names."""

    api_version: Literal["discovery.k8s.io/v1"]
    kind: Literal["EndpointSlice"]
    metadata: ObjectMeta
    address_type: Literal["IPv4", "IPv6", "FQDN"]
    endpoints: tuple[SliceEndpoint, ...] = ()
    ports: tuple[SlicePort, ...] = ()

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)

    @property
    def service(self) -> Key:
        return Key("Service", self.metadata.namespace, self.metadata.labels.get(SERVICE_NAME_LABEL, ""))
