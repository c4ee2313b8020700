"""Addresses that somebody wrote down for a service without a selector: Endpoints and EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reconciler.decide.network.backers import Backer, Fitness
from reconciler.model.kinds import Addresses
from reconciler.model.meta import Key
from reconciler.model.service import EndpointAddress, Endpoints, EndpointSlice, EndpointSubset, SliceEndpoint


def by_service(addresses: Mapping[Key, Addresses]) -> dict[Key, tuple[Addresses, ...]]:
    """Under the key of the Service that each is for."""
    found: dict[Key, list[Addresses]] = {}
    for item in addresses.values():
        meta = item.metadata
        key = Key("Service", meta.namespace, meta.name) if isinstance(item, Endpoints) else item.service
        found.setdefault(key, []).append(item)
    return {key: tuple(items) for key, items in found.items()}


def given(items: Iterable[Addresses]) -> tuple[Backer, ...]:
    return tuple(backer for item in items for backer in _of(item))


def _of(item: Addresses) -> Iterator[Backer]:
    if isinstance(item, EndpointSlice):
        if item.address_type != "IPv4":
            return
        ports = {p.name: p.port or 0 for p in item.ports}
        for endpoint in item.endpoints:
            yield from _slice(endpoint, ports)
    else:
        for subset in item.subsets:
            yield from _subset(subset)


def _subset(subset: EndpointSubset) -> Iterator[Backer]:
    ports = {p.name: p.port for p in subset.ports}
    for address in subset.addresses:
        yield _address(address, "ready", ports)
    for address in subset.not_ready_addresses:
        yield _address(address, "unready", ports)


def _address(address: EndpointAddress, fitness: Fitness, ports: dict[str, int]) -> Backer:
    return Backer(
        name=address.ip.replace(".", "-"),
        ip=address.ip,
        node=address.node_name,
        fitness=fitness,
        ports=ports,
        hostname=address.hostname,
    )


def _slice(endpoint: SliceEndpoint, ports: dict[str, int]) -> Iterator[Backer]:
    told = endpoint.conditions
    fitness: Fitness = "ready" if told.ready in (None, True) else "unready"
    if told.terminating and told.serving is not False:
        fitness = "draining"
    for ip in endpoint.addresses[:1]:  # all are the same thing (Kubernetes: consumers use the first)
        yield Backer(
            name=ip.replace(".", "-"),
            ip=ip,
            node=endpoint.node_name,
            fitness=fitness,
            ports=ports,
            hostname=endpoint.hostname,
        )
