"""Rules about objects and the inventory: nodes that don't exist, ports and requests that no node can give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from reconciler.manifests.arguments import has_argument
from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry
from reconciler.manifests.rules.shares import zero
from reconciler.manifests.said import Said
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from reconciler.model.capacity import ANNOTATION, Capacity, offered
from reconciler.model.fleet import Fleet, NodeSpec
from reconciler.model.kinds import Object
from reconciler.model.pod import Pod, PodSpec
from reconciler.model.quantity import human_bytes, human_cpu, millicores, whole
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment

HOSTNAME = "kubernetes.io/hostname"
AUTOMATIC = ("kubernetes.io/", "beta.kubernetes.io/", "node.kubernetes.io/")
"""Labels that a node gets by itself: what they say isn't known before it has been asked."""
_NO_SURGE = "set strategy.type: Recreate, or rollingUpdate.maxUnavailable: 1 and maxSurge: 0"
_IN_PLACE = "write a canary without trafficRouting, with maxUnavailable: 1 and maxSurge: 0"

Port = tuple[str, int, str, str]
"""(node, number, protocol, address)."""


def nodes(
    entries: Sequence[Entry], fleet: Fleet, capacity: Mapping[str, Capacity]
) -> Iterator[tuple[Entry, Said]]:
    """`capacity` by node name, for nodes that have been seen; may be empty."""
    held: dict[Port, Entry] = {}
    for entry in entries:
        for spec, path in jobs_of(entry.item):
            yield from ((entry, said) for said in _place(spec, path, fleet, candidates(spec, fleet)))
        pod = pod_of(entry.item)
        if pod is None:
            continue
        spec, path = pod
        fitting = candidates(spec, fleet)
        for said in _place(spec, path, fleet, fitting):
            yield entry, said
        for said in _ports(entry, spec, path, fitting, held):
            yield entry, said
        for said in (*_resources(spec, path, fitting, capacity), *_extended(spec, path, fitting)):
            yield entry, said


def pod_of(item: Object) -> tuple[PodSpec, Path] | None:
    """An object's pod spec and where it stands, None for kinds without pods."""
    if isinstance(item, Pod):
        return item.spec, ("spec",)
    template = getattr(getattr(item, "spec", None), "template", None)
    return (template.spec, ("spec", "template", "spec")) if template else None


def jobs_of(item: Object) -> Iterator[tuple[PodSpec, Path]]:
    """The pods of metrics, as far as it is known where they may go: an argument is known later."""
    if not isinstance(item, AnalysisTemplate | ClusterAnalysisTemplate | AnalysisRun):
        return
    for index, metric in enumerate(item.spec.metrics):
        spec = metric.provider.job.spec.template.spec if metric.provider.job else None
        if spec and not any(map(has_argument, (spec.node_name, *spec.node_selector.values()))):
            yield spec, ("spec", "metrics", index, "provider", "job", "spec", "template", "spec")


def candidates(spec: PodSpec, fleet: Fleet) -> list[NodeSpec]:
    """Nodes that nodeName and nodeSelector leave; automatic labels are given the benefit of the doubt."""
    if not spec.node_name and not spec.node_selector:
        return list(fleet.spec.nodes)
    return [
        node
        for node in fleet.spec.nodes
        if spec.node_name in ("", node.name)
        and all(_may_have(node, key, value) for key, value in spec.node_selector.items())
    ]


def _may_have(node: NodeSpec, key: str, value: str) -> bool:
    if key in node.labels:
        return node.labels[key] == value
    return key.startswith(AUTOMATIC) and (key != HOSTNAME or value in _names_of(node))


def _names_of(node: NodeSpec) -> tuple[str, ...]:
    return node.name, node.name.split(".")[0]


def _place(spec: PodSpec, path: Path, fleet: Fleet, fitting: list[NodeSpec]) -> Iterator[Said]:
    names = [node.name for node in fleet.spec.nodes]
    if spec.node_name and spec.node_name not in names:
        near = get_close_matches(spec.node_name, names, 1, 0.6)
        remedy = f"did you mean {near[0]}?" if near else f"nodes are {', '.join(names[:12])}"
        message = f'no node is called "{spec.node_name}"'
        yield Said((*path, "nodeName"), message, remedy, rule="node")
    elif not fitting and spec.node_selector and fleet.spec.nodes:
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(spec.node_selector.items()))
        message = f"no node has {wanted}"
        yield Said((*path, "nodeSelector"), message, "label a node in nodes.yaml", rule="node")


def _ports(
    entry: Entry, spec: PodSpec, path: Path, fitting: list[NodeSpec], held: dict[Port, Entry]
) -> Iterator[Said]:
    """A node's port is one pod's: too many replicas, two workloads, a rollout that can't start."""
    for at, number, protocol, address in host_ports(spec, path):
        replicas = getattr(getattr(entry.item, "spec", None), "replicas", 1)
        if fitting and replicas > len(fitting):
            yield Said(
                at,
                f"{replicas} replicas want port {number} of a node each, and {len(fitting)} can have it",
                "lower replicas, or leave hostPort out and use a Service",
                rule="port",
            )
        elif fitting and replicas == len(fitting) and _surges(entry.item):
            yield Said(
                at,
                f"a new pod can't have port {number} before an old one is gone, and none may go first",
                _IN_PLACE if isinstance(entry.item, Rollout) else _NO_SURGE,
                severity="warning",
                rule="port",
            )
        if len(fitting) == 1 and replicas:
            other = held.setdefault((fitting[0].name, number, protocol, address), entry)
            if other is not entry:
                message = f"port {number}/{protocol} of {fitting[0].name} is taken by {other.item.key}"
                yield Said(at, message, "use another port or another node", rule="port")


def host_ports(spec: PodSpec, path: Path) -> Iterator[tuple[Path, int, str, str]]:
    """(where it stands, number, protocol, address) of each port of the node that the pod holds itself."""
    for index, container in enumerate(spec.containers):
        for count, port in enumerate(container.ports):
            number = port.host_port or (port.container_port if spec.host_network else 0)
            if number:
                field = "hostPort" if port.host_port else "containerPort"
                at = (*path, "containers", index, "ports", count, field)
                yield at, number, port.protocol, port.host_ip


def _surges(item: Object) -> bool:
    """Its rollout starts a new pod before it stops an old one (25 % of up to three pods rounds down to 0)."""
    if isinstance(item, Rollout):
        canary = item.spec.strategy.canary
        if canary is None or canary.traffic_routing is not None:
            return item.spec.replicas > 0  # two sets side by side
        share = canary.max_unavailable
    elif isinstance(item, Deployment) and item.spec.strategy.type != "Recreate":
        rolling = item.spec.strategy.rolling_update
        share = rolling.max_unavailable if rolling else "25%"
    else:
        return False
    if isinstance(share, int):
        return zero(share)
    return item.spec.replicas * int(share.rstrip("%")) // 100 == 0 and item.spec.replicas > 0


def _resources(
    spec: PodSpec, path: Path, fitting: list[NodeSpec], capacity: Mapping[str, Capacity]
) -> Iterator[Said]:
    """More than any node has; only when every node it may go to has been seen."""
    known = [capacity[node.name] for node in fitting if node.name in capacity]
    if not known or len(known) < len(fitting):
        return
    cpu = sum(millicores(_request(c.resources.requests, c.resources.limits, "cpu")) for c in spec.containers)
    memory = sum(whole(_request(c.resources.requests, c.resources.limits, "memory")) for c in spec.containers)
    if cpu > (most := max(c.cpu_milli for c in known)):
        message = f"requests {human_cpu(cpu)} CPUs together, and the largest node has {human_cpu(most)}"
        yield Said((*path, "containers"), message, "lower resources.requests.cpu", rule="resources")
    if memory > (most := max(c.memory for c in known)):
        message = f"requests {human_bytes(memory)} together, and the largest node has {human_bytes(most)}"
        yield Said((*path, "containers"), message, "lower resources.requests.memory", rule="resources")


def _extended(spec: PodSpec, path: Path, fitting: list[NodeSpec]) -> Iterator[Said]:
    """More of an extended resource than the inventory counts on any node that it may go to."""
    for index, container in enumerate(spec.containers):
        for name, amount in container.resources.limits.items():
            most = max((offered(node).get(name, 0) for node in fitting), default=0)
            if "/" in name and fitting and whole(amount) > most:
                has = f"the most that a node has is {most}" if most else "no node offers it"
                remedy = f"add the annotation {ANNOTATION}: {name}=1 to the node in nodes.yaml that has it"
                at = (*path, "containers", index, "resources", "limits", name)
                yield Said(at, f"wants {amount}, and {has}", remedy, rule="resources")


def _request(requests: Mapping[str, object], limits: Mapping[str, object], name: str) -> str:
    """Kubernetes: a limit without a request is the request, too."""
    return str(requests.get(name, limits.get(name, 0)))
