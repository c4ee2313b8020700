"""Slices of the fleet's pod range for nodes, and addresses in a slice for pods. Chosen by hash."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_network

from reconciler.decide.survey import NodeView, Survey
from reconciler.model.names import IPV4
from reconciler.model.observed import PodRecord

_IPV4 = re.compile(IPV4)


class Slices:
    """Which slice each node has, or is to have. Observed ones win; others probe from their name's hash."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._chosen: dict[str, str] | None = None

    def of(self, view: NodeView) -> str:
        """The node's slice as `10.42.7.0/24`; "" when the fleet's range has none left."""
        return view.state.pod_cidr or self._choices().get(view.name, "")

    def has_address(self, view: NodeView, taken: int) -> bool:
        cidr = self.of(view)
        return bool(cidr) and taken < _extent(cidr)[1]

    def _choices(self) -> dict[str, str]:
        if self._chosen is None:
            self._chosen = self._choose()
        return self._chosen

    def _choose(self) -> dict[str, str]:
        """For every node at once, in the order of names: who answers first must not matter."""
        network = self._survey.fleet.spec.network
        whole = ip_network(network.pod_cidr)
        count = 1 << max(0, network.slice_bits - whole.prefixlen)
        size = 1 << (32 - network.slice_bits)
        start = int(whole.network_address)
        views = self._survey.views.values()
        taken = {(_extent(v.state.pod_cidr)[0] - start) // size for v in views if v.state.pod_cidr}
        chosen: dict[str, str] = {}
        for view in views:
            if view.state.pod_cidr or view.spec is None or len(taken) >= count:
                continue
            index = _probe(_digest(view.name) % count, count, taken)
            taken.add(index)
            chosen[view.name] = f"{_dotted(start + index * size)}/{network.slice_bits}"
        return chosen


def disputed(survey: Survey) -> dict[str, str]:
    """Nodes that say that they have the slice of another, and whose it is: of the one that has it by the hash
    of its name, else of the first by name. Pods of two nodes at one address couldn't be told apart anyway.
    """
    network = survey.fleet.spec.network
    start = int(ip_network(network.pod_cidr).network_address)
    count = 1 << max(0, network.slice_bits - ip_network(network.pod_cidr).prefixlen)
    size = 1 << (32 - network.slice_bits)
    holders: dict[int, list[str]] = {}
    for name, view in survey.views.items():
        if view.state.pod_cidr and view.spec is not None:
            holders.setdefault((_extent(view.state.pod_cidr)[0] - start) // size, []).append(name)
    found: dict[str, str] = {}
    for index, names in holders.items():
        if len(names) > 1:
            whose = min(names, key=lambda name: (_digest(name) % count != index, name))
            found.update((name, whose) for name in names if name != whose)
    return found


def pod_ip(cidr: str, namespace: str, name: str, taken: frozenset[str] | set[str]) -> str:
    """An address for a pod: never the network's, the gateway's (.1), the broadcast address or a taken one.

    Raises `ValueError` when the slice is full.
    """
    start, usable = _extent(cidr)
    first = _digest(f"{namespace}/{name}") % usable
    for step in range(usable):
        ip = _dotted(start + 2 + (first + step) % usable)
        if ip not in taken:
            return ip
    raise ValueError(f"no free pod address in {cidr}")


def in_slice(record: PodRecord, cidr: str) -> bool:
    """The record's pinned address belongs to this slice, or it has none."""
    if not record.ip:
        return True
    start, usable = _extent(cidr) if cidr else (0, 0)
    return start + 2 <= _number(record.ip) < start + 2 + usable


@lru_cache(maxsize=8192)
def _extent(cidr: str) -> tuple[int, int]:
    """The network's address as a number, and how many addresses pods can have."""
    network = ip_network(cidr)
    return int(network.network_address), max(0, network.num_addresses - 3)


def _probe(index: int, count: int, taken: set[int]) -> int:
    while index in taken:
        index = (index + 1) % count
    return index


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def _dotted(number: int) -> str:
    return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _number(ip: str) -> int:
    """-1 for what isn't an address."""
    if not _IPV4.fullmatch(ip):
        return -1
    a, b, c, d = ip.split(".")
    return int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)
