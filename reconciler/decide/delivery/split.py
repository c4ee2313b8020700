"""Who gets which traffic: what each service of a delivered object leads to at its stage.

service         leads to
activeService   the active set; the other one stands by in the second slot, so that a switch is one change
previewService  the newest version
stableService   the stable version; the newest while there is no stable one
canaryService   the canary; the stable version while no pod of a canary is ready
any other       both versions, by weight; as Kubernetes does it where there is no weight
an Ingress      in front of stableService: both versions, by weight

Until a first version is promoted all ready pods serve: also those of a Deployment that hands over, and of
another first version that was wanted before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.decide.current import Pass
from reconciler.decide.delivery.ephemeral import ephemeral
from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.model.base import Value
from reconciler.model.delivery import Delivery
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import HeaderRoutingMatch, SetHeaderRoute
from reconciler.model.traffic import HeaderMatch, HeaderRoute

AT_INGRESS = ":split"
"""Behind the stable service's name: what Ingresses in front of it lead to. No Kubernetes name has a colon."""


class Split(Value):
    """One service's part. `only`: versions whose pods are endpoints at all, () for every pod. As long as none
    of them is ready, or none that has a share, `fallback` stands in. `beside`: nothing has been promoted yet,
    so ready pods of other owners, and of an earlier first version, serve as they did. `shares`: what each
    version gets of the traffic, () when every pod gets as much as any other. `active` is what the live slot
    holds and `standby` the other one.
    """

    owner: Key
    only: tuple[str, ...] = ()
    fallback: str = ""
    beside: bool = False
    shares: tuple[tuple[str, int], ...] = ()
    active: str = ""
    standby: str = ""
    header_routes: tuple[HeaderRoute, ...] = ()


class Splits(Value):
    """`services` by service; `ingresses`: (namespace, Ingress, stable service) whose routes are split there.
    `labels`: what pods of a version have besides their own.
    """

    services: dict[Key, Split] = {}
    ingresses: frozenset[tuple[str, str, str]] = frozenset()
    labels: dict[tuple[Key, str], dict[str, str]] = {}


def splits(turn: Pass) -> Splits:
    """Of every delivered object, from where its delivery stands after this pass. A service that one object
    moves is its alone, whoever else's pods its selector matches.
    """
    services: dict[Key, Split] = {}
    shared: dict[Key, Split] = {}
    ingresses: set[tuple[str, str, str]] = set()
    delivered = {owner: state for owner, state in turn.rollouts.items() if state.delivery is not None}
    for owner, state in delivered.items():
        way = state.delivery
        if way is None or (recipe := recipe_of(turn.desired, owner, turn.desired.workloads[owner])) is None:
            continue
        if recipe.blue_green is not None:
            services.update(_blue_green(turn.desired, owner, state, way, recipe))
        else:
            for key, split in _canary(turn.desired, owner, state, way, recipe).items():
                (services if split.only or key.name.endswith(AT_INGRESS) else shared)[key] = split
            ingresses.update(_ingresses(turn.desired, owner, recipe))
    given = ephemeral(turn.desired, delivered).items()
    labels = {part: metadata.labels for part, metadata in given if metadata.labels}
    return Splits(services=shared | services, ingresses=frozenset(ingresses), labels=labels)


def _blue_green(
    desired: Desired, owner: Key, state: RolloutState, way: Delivery, recipe: Recipe
) -> dict[Key, Split]:
    green = recipe.blue_green
    assert green is not None, "the caller has asked"
    active = way.active_hash or state.template_hash
    beside = [state.template_hash, state.stable_hash, *sorted(way.retiring, key=lambda v: -way.retiring[v])]
    standby = next((v for v in beside if v not in ("", active)), "")
    found = {
        Key("Service", owner.namespace, green.active_service): Split(
            owner=owner,
            only=(active, standby) if standby else (active,),
            beside=not state.stable_hash,
            active=active,
            standby=standby,
        )
    }
    if green.preview_service:
        key = Key("Service", owner.namespace, green.preview_service)
        found[key] = Split(owner=owner, only=(state.template_hash,), beside=not state.stable_hash)
    return {key: split for key, split in found.items() if key in desired.services}


def _canary(
    desired: Desired, owner: Key, state: RolloutState, way: Delivery, recipe: Recipe
) -> dict[Key, Split]:
    new, stable = state.template_hash, state.stable_hash or state.template_hash
    canary = way.canary_hash if way.stage in ("stepping", "finishing") and way.canary_hash else stable
    space, strategy = owner.namespace, recipe.canary
    shares = _shares(way, stable, recipe)
    routes = _routes(way.routes, strategy.canary_service) if way.stage == "stepping" else ()
    found: dict[Key, Split] = {}
    for key in leading_to(desired, owner):
        if key.name == strategy.stable_service:
            found[key] = Split(owner=owner, only=(stable,), beside=not state.stable_hash)
        elif key.name == strategy.canary_service:
            found[key] = Split(
                owner=owner,
                only=(new if way.stage == "first" else canary,),
                fallback=stable if canary != stable else "",
                beside=not state.stable_hash,
            )
        elif shares or routes:
            found[key] = Split(owner=owner, shares=shares, fallback=stable, header_routes=routes)
    if recipe.routing is not None and Key("Service", space, strategy.stable_service) in desired.services:
        key = Key("Service", space, strategy.stable_service + AT_INGRESS)
        found[key] = Split(owner=owner, shares=shares, fallback=stable, header_routes=routes)
    return found


def _shares(way: Delivery, stable: str, recipe: Recipe) -> tuple[tuple[str, int], ...]:
    """They add up to the whole. A set that isn't named gets nothing."""
    if way.stage == "done":
        return ((stable, recipe.whole),) if way.retiring or not recipe.shared else ()
    if way.stage == "first" or way.weight is None:
        return ()
    if way.canary_hash in ("", stable):
        return ((stable, recipe.whole),)
    return ((way.canary_hash, way.weight), (stable, recipe.whole - way.weight))


def _routes(routes: Iterable[SetHeaderRoute], service: str) -> tuple[HeaderRoute, ...]:
    return tuple(
        HeaderRoute(
            name=route.name,
            service=service,
            matches=tuple(_match(match) for match in route.match),
        )
        for route in routes
    )


def _match(match: HeaderRoutingMatch) -> HeaderMatch:
    value = match.header_value
    if value.regex:
        return HeaderMatch(header=match.header_name, value=value.regex, how="regex")
    if value.prefix:
        return HeaderMatch(header=match.header_name, value=value.prefix, how="prefix")
    return HeaderMatch(header=match.header_name, value=value.exact)


def _ingresses(desired: Desired, owner: Key, recipe: Recipe) -> Iterable[tuple[str, str, str]]:
    """With nginx the ones that it names, else all of the namespace."""
    if recipe.routing is None:
        return
    named = recipe.routing.nginx.ingresses if recipe.routing.nginx is not None else None
    for key in desired.ingresses:
        if key.namespace == owner.namespace and (named is None or key.name in named):
            yield key.namespace, key.name, recipe.canary.stable_service


def leading_to(desired: Desired, owner: Key) -> Iterable[Key]:
    """The services whose selector the object's pods match."""
    workload = desired.workloads[owner]
    labels: Mapping[str, str] = workload.spec.template.metadata.labels  # type: ignore[union-attr]  # no bare Pod
    for key, service in desired.services.items():
        selector = service.spec.selector
        if key.namespace == owner.namespace and selector and selector.items() <= labels.items():
            yield key
