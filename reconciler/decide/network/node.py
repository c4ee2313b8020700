"""One node's traffic: what all nodes share, with its own addresses, its peers and its part in the ingress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.decide.network.address import dns_address, overlay_of
from reconciler.decide.network.ingress import INGRESS_LABEL
from reconciler.decide.network.route import addressed, addresses_on, with_addresses
from reconciler.decide.survey import NodeView, Survey
from reconciler.model.meta import Key
from reconciler.model.service import Service
from reconciler.model.traffic import IngressTraffic, Name, NodeTraffic, RoutedService

Copies = dict[tuple[Key, tuple[str, ...]], tuple[RoutedService, RoutedService]]


class Loom:
    """Makes each node's traffic. `before` and `copies` are the last pass': what is equal stays one object."""

    def __init__(
        self,
        survey: Survey,
        addresses: dict[str, str],
        wanted: Mapping[Key, Service],
        services: tuple[RoutedService, ...],
        names: tuple[Name, ...],
        doors: IngressTraffic | None,
        before: Mapping[str, NodeTraffic],
        copies: Copies,
    ) -> None:
        self._survey, self._addresses = survey, addresses
        self._services, self._names, self._doors = services, names, doors
        self._before, self._copies_before = before, copies
        self.copies: Copies = {}
        self._shared: dict[tuple[tuple[str, ...], ...], tuple[RoutedService, ...]] = {}
        self._own: list[tuple[int, Key, Service]] = []
        for index, routed in enumerate(services):
            key = Key("Service", routed.namespace, routed.name)
            service = wanted.get(key)
            if service is not None and addressed(service):
                self._own.append((index, key, service))
        labelled = {n for n, v in survey.views.items() if v.labels.get(INGRESS_LABEL) == "true"}
        self._gates = labelled or survey.views.keys()

    def traffic(self, view: NodeView) -> NodeTraffic:
        network = self._survey.fleet.spec.network
        before = self._before.get(view.name)
        made = NodeTraffic(
            node=view.name,
            pod_range=network.pod_cidr,
            pod_cidr=view.state.pod_cidr,
            service_range=network.service_cidr,
            dns=dns_address(network.service_cidr),
            domain=network.cluster_domain,
            overlay=overlay_of(view.name, self._addresses, network, view.state.traffic),
            services=shared(before.services if before else (), self._with_own(view)),
            names=self._names,
            ingress=self._doors if view.name in self._gates else None,
        )
        return before if before is not None and _same(before, made) else made

    def _with_own(self, view: NodeView) -> tuple[RoutedService, ...]:
        own = self._addresses.get(view.name, "")
        given = tuple(addresses_on(service, view, own) for _, _, service in self._own)
        if not any(given):
            return self._services
        if given not in self._shared:
            listed = list(self._services)
            for (index, key, _), addresses in zip(self._own, given, strict=True):
                listed[index] = self._copy(key, listed[index], addresses)
            self._shared[given] = tuple(listed)
        return self._shared[given]

    def _copy(self, key: Key, service: RoutedService, addresses: tuple[str, ...]) -> RoutedService:
        known = self.copies.get((key, addresses)) or self._copies_before.get((key, addresses))
        if known is None or known[0] is not service:
            known = service, with_addresses(service, addresses)
        self.copies[key, addresses] = known
        return known[1]


def shared(before: tuple[RoutedService, ...], now: tuple[RoutedService, ...]) -> tuple[RoutedService, ...]:
    """The tuple of before, when it holds the very same."""
    return before if identical(before, now) else now


def identical(one: Sequence[object], other: Sequence[object]) -> bool:
    return one is other or (len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True)))


def _same(one: NodeTraffic, other: NodeTraffic) -> bool:
    """Cheap where most is the same object, which it is."""
    return all(
        (a := getattr(one, name)) is (b := getattr(other, name)) or a == b for name in one.__struct_fields__
    )
