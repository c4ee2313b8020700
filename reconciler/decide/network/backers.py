"""Which pods stand behind which service, and whether they may get requests now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from reconciler.decide.network.published import Published
from reconciler.decide.schedule.address import in_slice
from reconciler.model.base import Value
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord, PodState
from reconciler.model.pod import PodSpec
from reconciler.model.service import Service

Fitness = Literal["ready", "unready", "draining"]
"""draining: it is ending or about to; what it is answering goes on."""


Ending = frozenset[tuple[str, Key]]
"""Pods that a plan stops, by node and key."""


class Home(NamedTuple):
    """Where a pod of a node can be reached: at the node's address, or at one of its slice."""

    address: str
    slice: str


class Backer(Value):
    """One address behind a service: a pod's (`spec` has its named ports), or one given by hand (`ports`)."""

    name: str
    ip: str
    node: str
    fitness: Fitness
    owner: Key | None = None
    version: str = ""
    """The owner and the template hash of the pod."""
    spec: PodSpec | None = None
    ports: dict[str, int] = {}
    """By the service port's name."""
    hostname: str = ""
    held: bool = False
    """It isn't ready any more and still runs: what is open to it stays open (as in Kubernetes)."""


class Part(Value):
    """What one owner's pods add to services. `lasting`: as long as these are the same pods and ends."""

    pods: tuple[PodState, ...]
    ending: Ending
    lasting: bool
    backers: dict[Key, tuple[Backer, ...]]


class Selectors:
    """Services by one label of their selector: a pod is held against few of them, not against all."""

    def __init__(self, services: Mapping[Key, Service]) -> None:
        self._by_label: dict[tuple[str, str, str], list[tuple[Key, dict[str, str]]]] = {}
        for key, service in services.items():
            if service.spec.selector and service.spec.type != "ExternalName":
                label, value = min(service.spec.selector.items())
                listed = self._by_label.setdefault((key.namespace, label, value), [])
                listed.append((key, service.spec.selector))

    def of(self, namespace: str, labels: Mapping[str, str]) -> list[Key]:
        """Every service of the namespace whose selector these labels match."""
        if not self._by_label:
            return []
        return [
            key
            for item in labels.items()
            for key, selector in self._by_label.get((namespace, *item), ())
            if all(labels.get(k) == v for k, v in selector.items())
        ]


class Fleetwide:
    """What a pod's part depends on beside the pod. `homes`: nodes that are believed.
    `labels`: what pods of an owner's version have besides their own.
    """

    def __init__(
        self,
        selectors: Selectors,
        homes: Mapping[str, Home],
        published: Published,
        labels: Mapping[tuple[Key, str], Mapping[str, str]],
    ) -> None:
        self.selectors, self.homes, self.published, self.labels = selectors, homes, published, labels

    def services(self, record: PodRecord) -> list[Key]:
        """Every service that selects the pod."""
        more = self.labels.get((record.owner, record.template_hash)) if self.labels else None
        labels = {**record.labels, **more} if more else record.labels
        return self.selectors.of(record.namespace, labels)


def part_of(pods: tuple[PodState, ...], ending: Ending, fleet: Fleetwide) -> Part:
    found: dict[Key, list[Backer]] = {}
    lasting = True
    for pod in pods:
        keys = fleet.services(pod.record)
        if not keys:
            continue
        ends = pod.terminating or (pod.node, pod.key) in ending
        lasting = lasting and not ends and (pod.ready or not runs(pod))
        backer = _backer(pod, ends, fleet)
        for key in keys if backer is not None else ():
            assert backer is not None
            held = (
                backer.fitness == "unready" and runs(pod) and fleet.published.has(key, backer.name, backer.ip)
            )
            mine = msgspec.structs.replace(backer, held=True) if held else backer
            found.setdefault(key, []).append(mine)
    return Part(
        pods=pods, ending=ending, lasting=lasting, backers={key: tuple(b) for key, b in found.items()}
    )


def _backer(pod: PodState, ends: bool, fleet: Fleetwide) -> Backer | None:
    record = pod.record
    home = fleet.homes.get(pod.node)
    if home is None or pod.phase in ("Succeeded", "Failed"):
        return None
    ip = home.address if record.spec.host_network else record.ip
    if not ip or not (record.spec.host_network or in_slice(record, home.slice)):
        return None  # whatever a node says: there are no pods of its own but in its slice
    fitness = _fitness(pod, ip, ends, fleet.published)
    if fitness is None:
        return None
    spec = record.spec
    return Backer(
        name=record.name,
        ip=ip,
        node=pod.node,
        fitness=fitness,
        owner=record.owner,
        version=record.template_hash,
        spec=spec,
        hostname=_hostname(spec),
    )


def _hostname(spec: PodSpec) -> str:
    return f"{spec.hostname}.{spec.subdomain}" if spec.hostname and spec.subdomain else ""


def _fitness(pod: PodState, ip: str, ends: bool, published: Published) -> Fitness | None:
    """None: it doesn't count. What nobody has probed yet counts as it did before."""
    if ends:
        counted = pod.ready or published.state(pod.record.namespace, pod.record.name, ip) is not None
        return "draining" if counted and runs(pod) else None
    if not all(c.known for c in pod.containers):
        return published.state(pod.record.namespace, pod.record.name, ip) or "unready"
    return "ready" if pod.ready else "unready"


def runs(pod: PodState) -> bool:
    """Something of it runs: it may be answering."""
    return any(c.state in ("running", "paused") for c in pod.containers if c.role != "sandbox")


def endings(ending: Iterable[tuple[Key, str, Key]]) -> dict[Key, Ending]:
    """(owner, node, pod) of every pod that this plan stops, by owner."""
    found: dict[Key, set[tuple[str, Key]]] = {}
    for owner, node, pod in ending:
        found.setdefault(owner, set()).add((node, pod))
    return {owner: frozenset(pods) for owner, pods in found.items()}
