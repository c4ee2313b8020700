"""The inventory, nodes.yaml: which machines, where the manifests come from, how to be careful."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from msgspec import Meta, field

from reconciler.model.base import Model
from reconciler.model.names import (
    DNS_SUBDOMAIN,
    DURATION,
    FLEET_NAME,
    NODE_ADDRESS,
    NODE_NAME,
    Annotations,
    Labels,
)
from reconciler.model.placement import Taint
from reconciler.model.pod_security import PodSecuritySpec
from reconciler.model.quantity import Quantity

Duration = Annotated[str, Meta(pattern=DURATION)]
"""As Go writes them: `30s`, `5m`, `1h30m`."""
Port = Annotated[int, Meta(ge=1, le=65535)]
DNS_OFFSET = 10
"""The name server's place in the service range."""


class FleetMeta(Model):
    name: Annotated[str, Meta(pattern=FLEET_NAME)]
    annotations: Annotations = {}
    labels: Labels = {}


class GitSource(Model):
    """`url` is anything `git clone` takes. `path` is a folder inside the repository."""

    url: str
    branch: str = "main"
    path: str = "."
    interval: Duration = "30s"
    identity_file: str = ""


class DirectorySource(Model):
    path: str


class HostedSource(Model):
    """A bare repository that `reconciler serve` owns: push to it over ssh."""

    path: str
    branch: str = "main"
    folder: str = "."


class SourceSpec(Model):
    """One of the three."""

    git: GitSource | None = None
    directory: DirectorySource | None = None
    hosted: HostedSource | None = None


class ManifestsSpec(Model):
    """`remote_bases: allow` lets kustomizations name what other machines hold (URLs, Git repositories)."""

    remote_bases: Literal["refuse", "allow"] = "refuse"


class ImagesSpec(Model):
    """`use_operator_login` lets pulls use what `docker login` left on the control machine.

    Where a node's disk is as full as `gc_high_threshold_percent`, images that we pulled and nothing needs go,
    the longest unused first, until it is as full as `gc_low_threshold_percent` (Kubernetes: the kubelet's
    imageGC...); none that was pulled less than `minimum_gc_age` ago. 100 is never.
    """

    use_operator_login: bool = False
    gc_high_threshold_percent: Annotated[int, Meta(ge=1, le=100)] = 85
    gc_low_threshold_percent: Annotated[int, Meta(ge=0, le=99)] = 80
    minimum_gc_age: Duration = field(default="2m", name="minimumGCAge")


def percent_used(free: int, size: int) -> int:
    """As a kubelet counts: of a disk of unknown size nothing is in use."""
    return 100 - free * 100 // size if size > 0 else 0


class LogsSpec(Model):
    """How much of what each container writes is kept: `max_files` files of `max_size` (Kubernetes: the
    kubelet's containerLogMaxSize and containerLogMaxFiles). `driver` empty is the engine's own; of one that
    keeps logs elsewhere, such as journald, nothing is asked.
    """

    driver: Literal["", "json-file", "local"] = ""
    max_size: Quantity = "10Mi"
    max_files: Annotated[int, Meta(ge=2, le=999)] = 5


class PruneSpec(Model):
    """`allow_empty` lets a source without a single object remove everything (off: that is an accident)."""

    enabled: bool = True
    allow_empty: bool = False


OnAbort = Literal["hold", "revert"]
"""hold: the stable version serves, and Git stays as it is. revert: the commit is taken back in Git, too."""


class ACMESpec(Model):
    """Certificates for Ingresses from an ACME server (RFC 8555), by HTTP-01.

    `ca_file` trusts a private one's.
    """

    email: str = ""
    directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    ca_file: str = ""


class IngressPortsSpec(Model):
    """Where Ingresses are served. Nodes labelled `reconciler.io/ingress: "true"` do it, or all if none is."""

    http_port: Port = 80
    https_port: Port = 443
    acme: ACMESpec | None = None


class NetworkSpec(Model):
    """Addresses of pods and services. `enabled: false` leaves out the node container: no pod network between
    nodes, no Services, no DNS of our own.
    """

    enabled: bool = True
    pod_cidr: str = field(default="10.42.0.0/16", name="podCIDR")
    slice_bits: Annotated[int, Meta(ge=16, le=28)] = 24
    service_cidr: str = field(default="10.43.0.0/16", name="serviceCIDR")
    cluster_domain: Annotated[str, Meta(pattern=DNS_SUBDOMAIN, max_length=253)] = "cluster.local"
    vxlan_id: Annotated[int, Meta(ge=1, le=2**24 - 1)] = field(default=4242, name="vxlanID")
    vxlan_port: Port = 4789
    mtu: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Of the pods, in bytes; 0: what the node's link carries, less 50 for VXLAN."""
    ingress: IngressPortsSpec = IngressPortsSpec()

    @property
    def dns(self) -> str:
        """The name server's address: the tenth of the service range, as Kubernetes distributions have it."""
        return _nth(self.service_cidr, DNS_OFFSET)


@lru_cache(maxsize=64)
def _nth(cidr: str, offset: int) -> str:
    from ipaddress import IPv4Network

    return str(IPv4Network(cidr)[offset])


class WebhookSpec(Model):
    """`secret_file` holds the secret that GitHub, GitLab or Gitea signs its calls with."""

    secret_file: str


class ServeSpec(Model):
    """Where `serve` listens for /healthz, /metrics, /status and the webhook."""

    listen: str = "127.0.0.1:7420"
    webhook: WebhookSpec | None = None


class NodeSpec(Model):
    """One machine: `ssh://user@host:port`, `unix:///run/docker.sock`, or `sim://` for one in memory.

    `host_key` is one or more lines of `ssh-ed25519 AAAA...`; without it the known_hosts files decide.
    """

    name: Annotated[str, Meta(pattern=NODE_NAME)]
    address: Annotated[str, Meta(pattern=NODE_ADDRESS)]
    host_key: str = ""
    known_hosts_file: str = ""
    identity_file: str = ""
    jump: str = ""
    docker_socket: str = "/run/docker.sock"
    internal_ip: str = field(default="", name="internalIP")
    """The address by which the other nodes reach it; empty: the one it uses towards the outside."""
    labels: Labels = {}
    annotations: Annotations = {}
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


class NodeDefaults(Model):
    """What every node has unless it says otherwise."""

    known_hosts_file: str = ""
    identity_file: str = ""
    jump: str = ""
    docker_socket: str = "/run/docker.sock"


class FleetSpec(Model):
    nodes: tuple[NodeSpec, ...]
    source: SourceSpec = SourceSpec()
    defaults: NodeDefaults = NodeDefaults()
    prune: PruneSpec = PruneSpec()
    on_abort: OnAbort = "hold"
    """What becomes of the commit when a progressive delivery fails. A Git source must let us push."""
    images: ImagesSpec = ImagesSpec()
    logs: LogsSpec = LogsSpec()
    manifests: ManifestsSpec = ManifestsSpec()
    network: NetworkSpec = NetworkSpec()
    pod_security: PodSecuritySpec = PodSecuritySpec()
    """What every pod is held to (Kubernetes: PodSecurityConfiguration)."""
    serve: ServeSpec = ServeSpec()
    node_lost_after: Duration = "40s"
    """How long a node may be silent before it is NotReady and its pods' tolerations start to count."""
    pod_eviction_after: Duration = "5m"
    """Default toleration of a lost node (Kubernetes: tolerationSeconds 300 for not-ready, unreachable)."""
    full_pass_interval: Duration = "60s"


class Fleet(Model):
    api_version: Literal["reconciler.io/v1"]
    kind: Literal["Fleet"]
    metadata: FleetMeta
    spec: FleetSpec
