"""One node's traffic: what all nodes share, with its own addresses, its peers and its part in the ingress."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.decide.network.address import Peers
from reconciler.decide.network.route import addressed, addresses_on, with_addresses
from reconciler.decide.survey import NodeView, Survey
from reconciler.model.base import Value
from reconciler.model.labels import INGRESS_NODE
from reconciler.model.meta import Key
from reconciler.model.service import Service
from reconciler.model.traffic import IngressTraffic, Name, NodeTraffic, RoutedService

Copies = dict[tuple[Key, tuple[str, ...]], tuple[RoutedService, RoutedService]]


class Before(Value):
    """What the last pass made, to share: what is equal stays one object."""

    survey: Survey
    addresses: dict[str, str]
    services: tuple[RoutedService, ...]
    names: tuple[Name, ...]
    doors: IngressTraffic | None
    wanted: Mapping[str, NodeTraffic]
    copies: Copies


class Loom:
    """Makes each node's traffic."""

    def __init__(
        self,
        survey: Survey,
        peers: Peers,
        wanted: Mapping[Key, Service],
        services: tuple[RoutedService, ...],
        names: tuple[Name, ...],
        doors: IngressTraffic | None,
        before: Before | None,
    ) -> None:
        self._survey, self._peers = survey, peers
        self._services, self._names, self._doors = services, names, doors
        self._before = before
        self._wanted_before = before.wanted if before else {}
        self.copies: Copies = {}
        self._shared: dict[tuple[tuple[str, ...], ...], tuple[RoutedService, ...]] = {}
        self._own: list[tuple[int, Key, Service]] = []
        for index, routed in enumerate(services):
            key = Key("Service", routed.namespace, routed.name)
            service = wanted.get(key)
            if service is not None and addressed(service):
                self._own.append((index, key, service))
        self._gates = gates(survey) if doors is not None else frozenset[str]()
        self._steady = before is not None and self._same_for_all(before)

    def _same_for_all(self, before: Before) -> bool:
        """Nothing that a node's traffic is made of has changed, but for its slice of the pod network."""
        return (
            not self._own
            and self._doors is None
            and before.doors is None
            and self._peers.complete
            and before.addresses == self._peers.addresses
            and before.services is self._services
            and before.names is self._names
            and before.survey.fleet is self._survey.fleet
        )

    def traffic(self, view: NodeView) -> NodeTraffic:
        before = self._wanted_before.get(view.name)
        if before is not None and self._steady and before.pod_cidr == view.state.pod_cidr:
            return before
        network = self._survey.fleet.spec.network
        made = NodeTraffic(
            node=view.name,
            pod_range=network.pod_cidr,
            pod_cidr=view.state.pod_cidr,
            service_range=network.service_cidr,
            dns=network.dns,
            domain=network.cluster_domain,
            overlay=self._peers.overlay(view.name, view.state.traffic),
            services=shared(before.services if before else (), self._with_own(view)),
            names=self._names,
            ingress=self._doors if view.name in self._gates else None,
        )
        return before if before is not None and _same(before, made) else made

    def _with_own(self, view: NodeView) -> tuple[RoutedService, ...]:
        own = self._peers.addresses.get(view.name, "")
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
        copies = self._before.copies if self._before else {}
        known = self.copies.get((key, addresses)) or copies.get((key, addresses))
        if known is None or known[0] is not service:
            known = service, with_addresses(service, addresses)
        self.copies[key, addresses] = known
        return known[1]


def gates(survey: Survey) -> frozenset[str]:
    """The nodes that serve Ingresses: those labelled for it, or all."""
    views = survey.views
    labelled = frozenset(name for name, view in views.items() if view.labels.get(INGRESS_NODE) == "true")
    return labelled or frozenset(views)


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
