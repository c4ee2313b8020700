"""What every node's data plane is to do. Worked out anew only where something has changed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from operator import attrgetter

from reconciler.decide.current import Pass
from reconciler.decide.delivery.split import splits
from reconciler.decide.isolated import caught, isolated
from reconciler.decide.network.address import Peers, addresses_of
from reconciler.decide.network.allocate import allocate
from reconciler.decide.network.backers import Backer, Fleetwide, Home, Selectors, endings
from reconciler.decide.network.behind import Behind
from reconciler.decide.network.byhand import by_service, given
from reconciler.decide.network.held import held_doors, held_names, held_services, with_endpoints
from reconciler.decide.network.ingress import Doors, doors
from reconciler.decide.network.memo import Inputs, NetworkMemo, Routed, same_doors, same_wishes
from reconciler.decide.network.node import Before, Loom, identical, shared
from reconciler.decide.network.published import Published
from reconciler.decide.network.route import asked_addresses
from reconciler.decide.network.services import routed_services, with_unseen
from reconciler.decide.schedule.address import disputed
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.traffic import Name, RoutedService

_BELIEVED = ("ready", "silent", "unknown")
"""Nodes whose pods count as last seen."""


def wanted_traffic(
    turn: Pass, held: str, ending: frozenset[tuple[Key, str, Key]], before: NetworkMemo | None
) -> NetworkMemo:
    """`held`: why published services stay although nothing wants them. `ending`: (owner, node, pod) of every
    pod that this plan stops.
    """
    inputs = Inputs(
        desired=turn.desired,
        observed=turn.observed,
        standing=tuple((name, view.status) for name, view in turn.survey.views.items()),
        held=held,
        ending=ending,
        splits=splits(turn),
    )
    if before is not None and before.inputs.same(inputs):
        return before
    return _woven(turn, inputs, before)


def _woven(turn: Pass, inputs: Inputs, before: NetworkMemo | None) -> NetworkMemo:
    desired, views = turn.desired, turn.survey.views
    network = desired.fleet.spec.network
    steady = before if before is not None and same_wishes(before.inputs.desired, desired) else None
    addresses = addresses_of(turn.survey)
    twice = disputed(turn.survey)
    homes = {
        name: Home(addresses.get(name, ""), "" if name in twice else view.state.pod_cidr)
        for name, view in views.items()
        if view.status in _BELIEVED
    }
    published = Published(turn.survey, before.tables if before else {})
    selectors = steady.selectors if steady else Selectors(desired.services)
    by_hand = steady.by_hand if steady else _by_hand(desired)
    labels = inputs.splits.labels
    alike = steady is not None and steady.homes == homes and steady.inputs.splits.labels == labels
    behind = Behind(steady if alike else None)
    fleetwide = Fleetwide(selectors, homes, published, labels)
    bug = partial(caught, turn)
    behind.look(turn.observed.by_owner, endings(inputs.ending), fleetwide, bug)
    held = held_services(turn, published) if inputs.held else []
    allocation = allocate(desired.services, held, published, network.service_cidr)
    gates = _doors(turn, inputs, published, before)
    routed = routed_services(
        desired.services,
        inputs.splits,
        published,
        behind.backers,
        by_hand,
        allocation,
        gates,
        network.cluster_domain,
        before.routed if before else {},
        bug,
    )
    kept = with_endpoints(turn, held, frozenset((node, pod) for _, node, pod in inputs.ending))
    services = _services(turn, routed, kept, published)
    services = shared(before.services, services) if before else services
    names = _names(routed, held_names(turn, published) if inputs.held else ())
    names = before.names if before and identical(before.names, names) else names
    peers = Peers(addresses, network)
    loom = Loom(turn.survey, peers, desired.services, services, names, gates.traffic, _before(before))
    ready = [view for view in views.values() if view.status == "ready" and view.state.pod_cidr]
    return NetworkMemo(
        inputs=inputs,
        survey=turn.survey,
        addresses=addresses,
        homes=homes,
        selectors=selectors,
        parts=behind.parts,
        backers=behind.backers,
        by_hand=by_hand,
        doors=gates,
        routed=routed,
        tables=published.tables,
        services=services,
        names=names,
        wanted={
            view.name: traffic
            for view in ready
            if (traffic := isolated(turn, f"node {view.name}", partial(loom.traffic, view), None)) is not None
        },
        copies=loom.copies,
        notes=(
            *allocation.notes,
            *_left_out(routed),
            *gates.notes,
            *(f"{name}: its slice of the pod network is {whose}'s, too" for name, whose in twice.items()),
            *_nowhere(turn, addresses),
            *_held_note(inputs, held),
        ),
        holds=bool(held),
        told=before.told if before else {},
    )


def _before(memo: NetworkMemo | None) -> Before | None:
    if memo is None:
        return None
    return Before(
        survey=memo.survey,
        addresses=memo.addresses,
        services=memo.services,
        names=memo.names,
        doors=memo.doors.traffic,
        wanted=memo.wanted,
        copies=memo.copies,
    )


def _by_hand(desired: Desired) -> dict[Key, tuple[Backer, ...]]:
    """Only for services without a selector: the others have their pods."""
    services = desired.services
    listed = by_service(desired.addresses).items()
    return {k: given(items) for k, items in listed if k in services and not services[k].spec.selector}


def _doors(turn: Pass, inputs: Inputs, published: Published, before: NetworkMemo | None) -> Doors:
    if inputs.held:
        return doors(inputs.desired, inputs.splits.ingresses, held_doors(turn, published))
    same = before is not None and before.inputs.splits.ingresses == inputs.splits.ingresses
    if before and same and not before.inputs.held and same_doors(before.inputs.desired, inputs.desired):
        return before.doors
    fresh = doors(inputs.desired, inputs.splits.ingresses)
    return before.doors if before and before.doors == fresh else fresh


def _services(
    turn: Pass, routed: dict[Key, Routed], kept: list[RoutedService], published: Published
) -> tuple[RoutedService, ...]:
    found = [r.route for r in routed.values() if r.route is not None]
    unseen = {
        v.name for v in turn.survey.views.values() if v.never_seen and v.status in ("silent", "unknown")
    }
    if unseen and published.traffic:
        found = with_unseen(found, published, unseen)
    return tuple(sorted([*found, *kept], key=attrgetter("namespace", "name")))


def _names(routed: dict[Key, Routed], kept: Iterable[Name]) -> tuple[Name, ...]:
    found = {name.name: name for name in kept}
    found.update((name.name, name) for r in routed.values() for name in r.names)
    return tuple(found[name] for name in sorted(found))


def _nowhere(turn: Pass, addresses: dict[str, str]) -> list[str]:
    """Addresses that services name and that no node has."""
    views = turn.survey.views.values()
    has = {ip for v in views if v.spec is not None for ip in v.state.facts.addresses}.union(
        addresses.values()
    )
    return [
        f"{key}: no node has its address {ip}"
        for key, service in turn.desired.services.items()
        for ip in asked_addresses(service)
        if ip not in has
    ]


def _left_out(routed: dict[Key, Routed]) -> list[str]:
    return [one.note for one in routed.values() if one.note]


def _held_note(inputs: Inputs, held: list[RoutedService]) -> list[str]:
    names = [f"Service {s.namespace}/{s.name}" for s in held]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [f"not removed: {', '.join(names[:3])}{more}; {inputs.held}"] if names else []
