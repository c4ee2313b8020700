"""What stands behind each service: the pods that its selector means, or addresses by hand. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler.model.kinds import Addresses
from reconciler.model.meta import Key
from reconciler.model.observed import Observed, PodState
from reconciler.model.service import Endpoints, Service

OVER = ("Succeeded", "Failed")
"""Phases of pods that serve nobody any more."""


class ByHand(NamedTuple):
    """Addresses that a manifest names; `ready` are those of them that may be asked."""

    every: frozenset[str]
    ready: frozenset[str]


class Pods:
    """The fleet's pods, found by the labels that a selector asks for."""

    def __init__(self, observed: Observed) -> None:
        self._places: dict[tuple[str, str, str], list[PodState]] = {}
        for pod in observed.pods():
            if pod.phase in OVER:
                continue
            for name, value in pod.record.labels.items():
                self._places.setdefault((pod.record.namespace, name, value), []).append(pod)

    def of(self, service: Service) -> tuple[PodState, ...]:
        """Kubernetes: without a selector none is meant, and one of the same name on two nodes is one."""
        selector = service.spec.selector
        if not selector:
            return ()
        first = min(
            (self._places.get((service.metadata.namespace, k, v), []) for k, v in selector.items()), key=len
        )
        found = [p for p in first if selector.items() <= p.record.labels.items()]
        return tuple(sorted(found, key=lambda p: (p.record.name, p.node)))


def pod_ip(pod: PodState, observed: Observed) -> str:
    """Its own, on the host's network its node's; "" while that isn't known."""
    if pod.record.spec.host_network:
        return observed.nodes[pod.node].facts.internal_ip
    return pod.record.ip


def by_hand(service: Key, addresses: Mapping[Key, Addresses]) -> tuple[Addresses, ...]:
    """The Endpoints and EndpointSlices of a service, in order of their keys."""
    return tuple(a for a in addresses.values() if _is_for(service, a))


def in_them(addresses: Iterable[Addresses]) -> ByHand:
    every: set[str] = set()
    ready: set[str] = set()
    for found in addresses:
        if isinstance(found, Endpoints):
            for subset in found.subsets:
                ready.update(a.ip for a in subset.addresses)
                every.update(a.ip for a in (*subset.addresses, *subset.not_ready_addresses))
        else:
            for endpoint in found.endpoints:
                every.update(endpoint.addresses)
                # Kubernetes: a condition that isn't given is true.
                if endpoint.conditions.ready is not False:
                    ready.update(endpoint.addresses)
    return ByHand(frozenset(every), frozenset(ready))


def _is_for(service: Key, addresses: Addresses) -> bool:
    meta = addresses.metadata
    if meta.namespace != service.namespace:
        return False
    if isinstance(addresses, Endpoints):
        return meta.name == service.name
    return addresses.service == service
