"""What the next pass needn't work out again. Everything in it can be thrown away; nothing in it changes."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.decide.delivery.split import Split, Splits
from reconciler.decide.network.backers import Backer, Home, Part, Selectors
from reconciler.decide.network.ingress import Doors
from reconciler.decide.network.published import Table
from reconciler.decide.survey import Survey
from reconciler.model.base import Value
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.service import Service
from reconciler.model.traffic import Name, NodeTraffic, RoutedService, Slot

Backers = dict[Key, tuple[Backer, ...]]
"""By owner."""


class Inputs(Value):
    """All that wanted traffic depends on, compared by identity. `ending`: pods that this plan stops.
    `splits`: how deliveries share out what comes to their services.
    """

    desired: Desired
    observed: Observed
    standing: tuple[tuple[str, str], ...]
    held: str
    ending: frozenset[tuple[Key, str, Key]]
    splits: Splits = Splits()

    def same(self, other: Inputs) -> bool:
        return (
            self.observed is other.observed
            and self.standing == other.standing
            and self.held == other.held
            and self.ending == other.ending
            and self.splits == other.splits
            and same_wishes(self.desired, other.desired)
        )


def same_wishes(one: Desired, other: Desired) -> bool:
    """Nothing about the network is wanted otherwise. By identity: revisions share what didn't change."""
    return one is other or (
        one.fleet is other.fleet
        and _same(one.services, other.services)
        and _same(one.addresses, other.addresses)
        and same_doors(one, other)
    )


def same_doors(one: Desired, other: Desired) -> bool:
    return (
        one.fleet is other.fleet
        and one.challenges == other.challenges
        and _same(one.ingresses, other.ingresses)
        and (not one.ingresses or _same(one.contents, other.contents))
        and _same(one.services, other.services)
    )


def _same(one: Mapping[Key, object], other: Mapping[Key, object]) -> bool:
    """The very same objects under the same keys."""
    return one is other or (len(one) == len(other) and all(other.get(k) is v for k, v in one.items()))


class Routed(Value):
    """One service as it was worked out, and what from. `route` is None when only names lead to it.

    `led`: an Ingress leads to it. `split`, `live` and `parting`: its part in a delivery, the slot that
    serves, and who gets nothing new any more.
    """

    service: Service
    by_owner: Backers
    by_hand: tuple[Backer, ...]
    ip: str
    node_ports: dict[tuple[int, str], int]
    led: bool
    split: Split | None = None
    live: Slot = ""
    parting: dict[tuple[str, str], Slot] = {}
    route: RoutedService | None = None
    names: tuple[Name, ...] = ()
    note: str = ""
    """What of it can't be told to a proxy."""

    def from_same(self, other: Routed) -> bool:
        return (
            self.service is other.service
            and (self.by_owner is other.by_owner or self.by_owner == other.by_owner)
            and self.by_hand is other.by_hand
            and self.ip == other.ip
            and self.led == other.led
            and self.live == other.live
            and self.parting == other.parting
            and self.split == other.split
            and self.node_ports == other.node_ports
        )


class NetworkMemo(Value):
    """`homes` are the nodes that are believed, `told` whether a node has what it should:
    (wanted, published, equal). `copies` are services with a node's own addresses: (without, with).
    `holds`: a service stays that nothing wants.
    """

    inputs: Inputs
    survey: Survey
    addresses: dict[str, str]
    homes: dict[str, Home]
    selectors: Selectors
    parts: dict[Key, Part]
    backers: dict[Key, Backers]
    by_hand: dict[Key, tuple[Backer, ...]]
    doors: Doors
    routed: dict[Key, Routed]
    copies: dict[tuple[Key, tuple[str, ...]], tuple[RoutedService, RoutedService]]
    tables: dict[str, tuple[tuple[RoutedService, ...], Table]]
    services: tuple[RoutedService, ...]
    names: tuple[Name, ...]
    wanted: dict[str, NodeTraffic]
    notes: tuple[str, ...]
    holds: bool
    told: dict[str, tuple[NodeTraffic, NodeTraffic, bool]]
