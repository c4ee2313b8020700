"""What a node has left: its facts less what its pods ask for, and less what this pass has given away."""

from __future__ import annotations

from reconciler.decide.schedule.requests import HostPort, Requests, requests_of
from reconciler.decide.survey import NodeView
from reconciler.model.base import Value
from reconciler.model.observed import NodeFacts, NodeState, PodRecord

MAX_PODS = 110
"""Pods a node (Kubernetes: kubelet --max-pods)."""


class Base(Value):
    """What the pods on one node take up, as observed. Kept from pass to pass with the node's state."""

    cpu: int
    memory: int
    extended: dict[str, int]
    ports: tuple[HostPort, ...]
    ips: frozenset[str]
    pods: int
    guards: tuple[PodRecord, ...]
    """Pods that keep others away by a required podAntiAffinity."""


def base_of(state: NodeState) -> Base:
    asked = [requests_of(p.record.spec) for p in state.pods]
    records = [p.record for p in state.pods]
    extended: dict[str, int] = {}
    for name, amount in (item for r in asked for item in r.extended.items()):
        extended[name] = extended.get(name, 0) + amount
    return Base(
        cpu=sum(r.cpu for r in asked),
        memory=sum(r.memory for r in asked),
        extended=extended,
        ports=tuple(p for r in asked for p in r.ports),
        ips=frozenset(r.ip for r in records if r.ip),
        pods=len(records),
        guards=tuple(r for r in records if guards(r)),
    )


def guards(record: PodRecord) -> bool:
    return bool(record.spec.affinity.pod_anti_affinity.required_during_scheduling_ignored_during_execution)


class Room:
    """One node's room in one pass; `take` uses it up. Zero capacity means that the node didn't tell."""

    __slots__ = ("cpu", "extended", "ips", "memory", "pods", "ports", "used_cpu", "used_memory", "view")

    def __init__(self, view: NodeView, base: Base) -> None:
        self.view = view
        self.cpu, self.memory = view.state.facts.cpu_milli, view.state.facts.memory
        self.used_cpu, self.used_memory = base.cpu, base.memory
        self.pods = base.pods
        self.ports: tuple[HostPort, ...] = base.ports
        self.ips: frozenset[str] | set[str] = base.ips
        self.extended = base.extended

    def take(self, asked: Requests, ip: str) -> None:
        self.used_cpu += asked.cpu
        self.used_memory += asked.memory
        self.pods += 1
        self.ports += asked.ports
        if asked.extended:
            names = self.extended.keys() | asked.extended.keys()
            self.extended = {n: self.extended.get(n, 0) + asked.extended.get(n, 0) for n in names}
        if ip:
            if isinstance(self.ips, frozenset):
                self.ips = set(self.ips)
            self.ips.add(ip)

    @property
    def load(self) -> int:
        """Thousandths in use of what is scarcer, CPU or memory."""
        return load_of(self.view.state.facts, self.used_cpu, self.used_memory)


def load_of(facts: NodeFacts, cpu: int, memory: int) -> int:
    by_cpu = cpu * 1000 // facts.cpu_milli if facts.cpu_milli else 0
    by_memory = memory * 1000 // facts.memory if facts.memory else 0
    return by_cpu if by_cpu > by_memory else by_memory
