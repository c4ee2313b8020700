"""The values that an overview is made of: one a line of a table, and the whole."""

from __future__ import annotations

from typing import Literal

from reconciler.model.base import Told, Value, make_printable
from reconciler.model.plan import Standing
from reconciler.model.revision import Revision
from reconciler.printable import MOST, printable_lines
from reconciler.record.journal import RecordedEvent


class WorkloadLine(Told):
    """One workload. Counts are pods; `desired` is how many it should have, None when that isn't known."""

    kind: str
    namespace: str
    name: str
    standing: Standing | Literal["unknown"]
    message: str
    desired: int | None
    updated: int
    ready: int
    available: int
    total: int
    delivery: str = ""
    """Where it stands, of what is delivered step by step."""


class PodLine(Told):
    """One pod. `status` is the word that `kubectl get pods` shows; times in seconds since the epoch."""

    namespace: str
    name: str
    node: str
    ip: str
    status: str
    message: str
    ready: int
    containers: int
    restarts: int
    created_at: float
    owner: str


class NodeLine(Told):
    """One node. `state` is Ready, NotReady or Unknown (not asked yet); memory in bytes."""

    name: str
    state: str
    message: str
    docker: str
    architecture: str
    os_image: str
    cpu_milli: int
    memory: int
    pods: int
    unschedulable: bool = False
    lost_since: float | None = None
    data_plane: str = ""
    """running, stale, outdated, stopped or absent; empty where the network is off, or nobody asked it yet."""
    traffic: str = ""
    """What its data plane was told: up to date, behind, or empty where that isn't known."""
    complaints: tuple[str, ...] = ()


class ServiceLine(Told):
    """One service. `ip` is its cluster IP (`None`: headless; empty: it hasn't got one yet), `external` where
    it is reached from outside (an ExternalName's target, too), `ports` as kubectl has them (`80:30080/TCP`).

    `ready` counts what gets new connections, `endpoints` all that could, None when that isn't known.
    """

    namespace: str
    name: str
    type: str
    ip: str
    external: tuple[str, ...]
    ports: tuple[str, ...]
    ready: int
    endpoints: int | None
    message: str = ""


class IngressLine(Told):
    """One Ingress. `hosts` has `*` for any, `paths` are `host/path -> service:port`, `tls` the hosts that
    have a certificate (`*`: whatever the certificate is good for).
    """

    namespace: str
    name: str
    hosts: tuple[str, ...]
    addresses: tuple[str, ...]
    paths: tuple[str, ...]
    tls: tuple[str, ...] = ()
    message: str = ""


class Overview(Value, omit_defaults=False):
    """`standing` is the fleet's, `why` one sentence. Revision ids are whole; "" where there is none.

    `running` says that a reconciler runs (False: somebody looked at the nodes once). `at` is when the
    nodes were last looked at, in seconds since the epoch.
    """

    fleet: str
    at: float
    running: bool
    version: str
    standing: str
    why: str
    wanted: Revision | None
    converged: str
    refused: str
    refused_because: str
    source_error: str
    workloads: tuple[WorkloadLine, ...]
    pods: tuple[PodLine, ...]
    nodes: tuple[NodeLine, ...]
    actions: tuple[str, ...]
    failing: tuple[str, ...]
    waits: tuple[str, ...]
    notes: tuple[str, ...]
    events: tuple[RecordedEvent, ...]
    services: tuple[ServiceLine, ...] = ()
    ingresses: tuple[IngressLine, ...] = ()

    def __post_init__(self) -> None:
        """Its texts are of several lines, some of them."""
        make_printable(self, lambda text: printable_lines(text, 16 * MOST))
