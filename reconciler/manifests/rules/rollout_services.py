"""Rules about the Services that a strategy moves from version to version.

Source: Argo Rollouts (ValidateService): they select the pods of the Rollout, and belong to it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.manifests.delivered import Delivered
from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.rules.ingresses import backends
from reconciler.manifests.rules.missing import missing
from reconciler.manifests.said import Said
from reconciler.model.ingress import Ingress
from reconciler.model.meta import Key
from reconciler.model.rollout import HASH_LABEL, RolloutStrategy
from reconciler.model.service import Service


def across(every: Sequence[Delivered], kept: Kept, *, complete: bool) -> Iterator[tuple[Entry, Said]]:
    owners: dict[Key, Key] = {}
    for one in every:
        for path, name in _services(one.strategy, one.path):
            key = Key("Service", one.namespace, name)
            for said in _service(one, key, path, kept, complete):
                yield one.entry, said
            owner = owners.setdefault(key, one.key)
            if owner != one.key:
                message = f"{key} is moved by {owner} already"
                yield one.entry, Said(path, message, "give each its own Service", rule="service")
        yield from ((one.entry, said) for said in _ingresses(one, kept, complete))


def _services(strategy: RolloutStrategy, path: Path) -> Iterator[tuple[Path, str]]:
    named = []
    if canary := strategy.canary:
        at = (*path, "canary")
        named += [
            ((*at, "canaryService"), canary.canary_service),
            ((*at, "stableService"), canary.stable_service),
        ]
    if colours := strategy.blue_green:
        at = (*path, "blueGreen")
        named += [((*at, "activeService"), colours.active_service)]
        named += [((*at, "previewService"), colours.preview_service)]
    yield from ((where, name) for where, name in named if name)


def _service(one: Delivered, key: Key, path: Path, kept: Kept, complete: bool) -> Iterator[Said]:
    found = kept.get(key)
    if found is None or not isinstance(found.item, Service):
        yield missing(key, path, kept, complete=complete)
        return
    service = found.item
    if service.spec.type == "ExternalName" or not service.spec.selector:
        message = f"{key} has no selector, so it leads to no pods"
        yield Said(path, message, "give it a selector with labels of the template", rule="service")
        return
    if service.headless and path[-1] == "canaryService" and _routes_by_header(one.strategy):
        message = f"{key} is headless, so no proxy leads to it, and setHeaderRoute would lead nowhere"
        yield Said(path, message, f"leave clusterIP: None away in {found.file}", rule="service")
    if one.labels is None:
        return
    for label, value in service.spec.selector.items():
        if label != HASH_LABEL and one.labels.get(label) != value:
            has = f"{label}={one.labels[label]}" if label in one.labels else f"no label {label}"
            message = f"{key} selects {label}={value}, and the template has {has}"
            yield Said(
                path, message, f"change one of the two; the Service is in {found.file}", rule="service"
            )


def _routes_by_header(strategy: RolloutStrategy) -> bool:
    return any(step.set_header_route for step in (strategy.canary.steps if strategy.canary else ()))


def _ingresses(one: Delivered, kept: Kept, complete: bool) -> Iterator[Said]:
    """`nginx` names Ingresses that lead to the stable Service: there the split is made."""
    routing = one.strategy.canary.traffic_routing if one.strategy.canary else None
    nginx = routing.nginx if routing else None
    if nginx is None or one.strategy.canary is None:
        return
    at = (*one.path, "canary", "trafficRouting", "nginx")
    places: list[tuple[Path, str]] = (
        [((*at, "stableIngress"), nginx.stable_ingress)] if nginx.stable_ingress else []
    )
    places += [((*at, "stableIngresses", index), name) for index, name in enumerate(nginx.stable_ingresses)]
    for path, name in places:
        key = Key("Ingress", one.namespace, name)
        found = kept.get(key)
        if found is None or not isinstance(found.item, Ingress):
            yield missing(key, path, kept, complete=complete)
        elif one.strategy.canary.stable_service not in _leads_to(found.item):
            message = f"{key} doesn't lead to stableService ({one.strategy.canary.stable_service})"
            remedy = f"name that Service in its backend; the Ingress is in {found.file}"
            yield Said(path, message, remedy, rule="service")


def _leads_to(item: Ingress) -> set[str]:
    return {backend.service.name for _, backend in backends(item) if backend.service}
