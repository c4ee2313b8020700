"""What the nodes hold. Unreachable is a value: a node that can't be asked keeps what was last seen of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from msgspec import Meta

from reconciler.model.base import Told, Value
from reconciler.model.meta import Key
from reconciler.model.names import (
    REVISION_ID,
    TEMPLATE_HASH,
    Annotations,
    DNSLabel,
    DNSSubdomain,
    Labels,
    NoIPv4,
)
from reconciler.model.pod import PodSpec
from reconciler.model.traffic import NodeTraffic

Role = Literal["sandbox", "init", "sidecar", "main"]
Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


Hash = Annotated[str, Meta(pattern=TEMPLATE_HASH, max_length=63)]


class PodRecord(Value):
    """A pod that has been given a place: everything but the contents of its ConfigMaps and Secrets.

    It is the payload of `StartPod`, and as JSON the value of the SPEC label, so that a pod can be
    understood and removed from its labels alone. `ip` is empty for hostNetwork. `meaning` is the
    hash in its present form, where `template_hash` is an earlier one by which the version was known.
    """

    namespace: DNSLabel
    name: DNSSubdomain
    owner: Key
    template_hash: Hash
    revision: Annotated[str, Meta(pattern=REVISION_ID, max_length=256)]
    node: str
    spec: PodSpec
    ip: NoIPv4 = ""
    labels: Labels = {}
    annotations: Annotations = {}
    meaning: Hash = ""

    @property
    def key(self) -> Key:
        return Key("Pod", self.namespace, self.name)


class ContainerState(Told):
    """One container. Times in seconds since the epoch, None when it hasn't happened.

    `state`: absent (not created, or removed behind our back), created (never started), running,
    restarting (Docker waits before its next try), exited, paused.
    `started`, `ready` and `live` are the probes' verdicts (True where there is no such probe;
    `live` False asks for a restart: the liveness or startup probe failed for good).
    """

    name: str
    role: Role
    state: Literal["absent", "created", "running", "restarting", "exited", "paused"]
    id: str = ""
    image: str = ""
    image_id: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    created_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    restarts: int = 0
    error: str = ""
    started: bool = False
    ready: bool = False
    live: bool = True
    known: bool = True
    """False: it runs, and its readiness or startup probe hasn't been tried yet; `ready` says nothing."""
    probe_message: str = ""


class Ending(Told, tag=True):
    """The containers of a pod that have ended and aren't started again, as its node keeps them beside Docker.

    Docker's own memory of them is the container itself, which any `docker container prune` takes.
    """

    record: PodRecord
    containers: tuple[ContainerState, ...]


class HeldImage(Told, tag=True):
    """An image that this fleet has pulled onto a node, by the name that its pods gave it. `size` in bytes,
    times in seconds since the epoch: `used_at` is when it was last known to be in use. `id` is the Engine's,
    of its contents; no record has it.
    """

    name: Annotated[str, Meta(min_length=1, max_length=1024)]
    pulled_at: float
    used_at: float
    size: int = 0
    id: str = ""


class PodState(Told):
    """One pod on one node. `containers` in starting order: sandbox, init containers, main ones.

    `phase`, `reason` and `message` are what `kubectl get pods` shows (`reason`: ContainerCreating,
    PodInitializing, CrashLoopBackOff, ImagePullBackOff, Completed, Error, OOMKilled, NodeLost, ...).
    `ready_since` is when it last became ready. `created_at`, as the containers' times, is by the node's
    clock: see `NodeFacts.clock_skew`. `busy` says that an action on it is under way and
    `terminating` that this action is its end: plan nothing for such a pod. `doubt` says why what the node
    tells of it can't be: it is replaced. `recorded` names the containers whose end is kept on
    the node (`Ending`), `lost_volumes` the volumes, as the pod calls them, that have vanished under it with
    what was in them.
    """

    record: PodRecord
    containers: tuple[ContainerState, ...] = ()
    phase: Phase = "Pending"
    reason: str = ""
    message: str = ""
    created_at: float = 0.0
    ready: bool = False
    ready_since: float | None = None
    busy: bool = False
    terminating: bool = False
    doubt: str = ""
    recorded: tuple[str, ...] = ()
    lost_volumes: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return self.record.key

    @property
    def node(self) -> str:
        return self.record.node

    @property
    def restarts(self) -> int:
        return sum(c.restarts for c in self.containers)


class NodeFacts(Told):
    """What a node says of itself. CPU in millicores, memory and disk in bytes, skew in seconds.

    `cpu_quota` etc. say whether this Engine's kernel can set that limit.
    """

    architecture: str = "amd64"
    """As Kubernetes and image platforms name it: amd64, arm64, arm (with `variant` v6, v7)."""
    variant: str = ""
    os: str = "linux"
    hostname: str = ""
    kernel: str = ""
    os_image: str = ""
    docker_version: str = ""
    api_version: str = ""
    cpu_milli: int = 0
    memory: int = 0
    disk_free: int | None = None
    disk_size: int | None = None
    clock_skew: float = 0.0
    cgroup_version: str = ""
    log_driver: str = ""
    """The Engine's default, "" when it isn't known."""
    warnings: tuple[str, ...] = ()
    internal_ip: str = ""
    """The address that it uses towards the outside; "" when its shell can't tell."""
    addresses: tuple[str, ...] = ()
    """Every IPv4 address of its links to the outside (not of Docker's bridges)."""
    link_mtu: int = 0
    """Of the link that `internal_ip` is on (bytes), 0 when its shell can't tell."""


DataPlane = Literal["", "stopped", "outdated", "stale", "running"]


class NodeState(Told):
    """One node as last seen. `reachable` None means that it hasn't been asked yet: wait.

    `lost_since` is when it stopped answering; `pods` are then the last seen.
    `pod_cidr` is the slice of its pod network, empty until `PrepareNode` has made one. `data_plane` is how
    its node container stands ("": there is none; stale: what it has is of an older version's writing, or not
    sure to be whole) and `traffic` what was last published to it, None when that isn't known; `complaints`
    are what it can't do (a port that is taken), in words for people.
    """

    name: str
    reachable: bool | None = None
    lost_since: float | None = None
    reason: str = ""
    message: str = ""
    facts: NodeFacts = NodeFacts()
    pod_cidr: str = ""
    labels: dict[str, str] = {}
    data_plane: DataPlane = ""
    traffic: NodeTraffic | None = None
    telling: NodeTraffic | None = None
    """What it is being told right now: it may do this already, or still what it was told before."""
    uncertain: tuple[NodeTraffic, ...] = ()
    """What its proxy may do instead of `traffic`, as telling it something has failed; empty: nothing else."""
    untold_since: float | None = None
    """Since when nobody could tell its proxy who gets requests (epoch seconds)."""
    complaints: tuple[str, ...] = ()
    pods: tuple[PodState, ...] = ()
    unused_images: tuple[HeldImage, ...] = ()
    """Those that no container has. Looked at only while the disk is as full as spec.images says."""


class Observed:
    """Every node, and its pods by owner. Immutable: `with_node` returns a changed copy.

    Copies share what didn't change, so a pass can see by identity what it needn't look at again.
    """

    __slots__ = ("by_owner", "nodes")

    def __init__(self, nodes: Iterable[NodeState] = ()) -> None:
        self.nodes: Mapping[str, NodeState] = {n.name: n for n in sorted(nodes, key=lambda n: n.name)}
        index: dict[Key, list[PodState]] = {}
        for node in self.nodes.values():
            for pod in node.pods:
                index.setdefault(pod.record.owner, []).append(pod)
        self.by_owner: Mapping[Key, tuple[PodState, ...]] = {k: tuple(v) for k, v in index.items()}
        """Owner -> its pods, ordered by node and then as the node lists them."""

    def with_node(self, node: NodeState) -> Observed:
        """The same with `node` in place of its earlier state; owners it doesn't touch keep their tuples."""
        old = self.nodes.get(node.name)
        nodes = dict(self.nodes)
        nodes[node.name] = node
        if old is None:
            nodes = dict(sorted(nodes.items()))
        before: dict[Key, list[PodState]] = {}
        for pod in old.pods if old else ():
            before.setdefault(pod.record.owner, []).append(pod)
        after: dict[Key, list[PodState]] = {}
        for pod in node.pods:
            after.setdefault(pod.record.owner, []).append(pod)
        index = dict(self.by_owner)
        for owner in before.keys() | after.keys():
            mine = before.get(owner, []), after.get(owner, [])
            if len(mine[0]) == len(mine[1]) and all(a is b for a, b in zip(*mine, strict=True)):
                continue
            rest = [p for p in index.get(owner, ()) if p.node != node.name]
            merged = tuple(sorted([*rest, *mine[1]], key=lambda p: p.node))
            if merged:
                index[owner] = merged
            else:
                index.pop(owner, None)
        copy = Observed.__new__(Observed)
        copy.nodes, copy.by_owner = nodes, index
        return copy

    def pods(self) -> Iterable[PodState]:
        for node in self.nodes.values():
            yield from node.pods

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observed) and self.nodes == other.nodes

    __hash__ = None  # type: ignore[assignment]
