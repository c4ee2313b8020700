"""Rules about a strategy of Argo Rollouts: one of the two, its services, what needs trafficRouting.

Source: Argo Rollouts' validation (ValidateRolloutStrategy).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import analysis_uses, canary_steps, metadata
from reconciler.manifests.rules.shares import zero
from reconciler.manifests.said import Said
from reconciler.manifests.strategy import ANNOTATION, uses
from reconciler.manifests.strategy import annotated as read
from reconciler.model.labels import STRATEGY_ANNOTATION
from reconciler.model.meta import LabelSelector
from reconciler.model.rollout import (
    BlueGreenStrategy,
    CanaryStrategy,
    EphemeralMetadata,
    RolloutStrategy,
    TrafficRouting,
)
from reconciler.model.workload import Deployment

_DEFAULTS = CanaryStrategy()


def annotated(item: Deployment) -> Iterator[Said]:
    """A Deployment that is delivered step by step."""
    text = item.metadata.annotations.get(STRATEGY_ANNOTATION)
    if text is None:
        return
    strategy, said = read(text)
    yield from said
    if strategy is not None:
        yield from check(strategy, ANNOTATION, item.spec.revision_history_limit, item.spec.selector)


def check(strategy: RolloutStrategy, path: Path, history: int, selector: LabelSelector) -> Iterator[Said]:
    """`history`: how many old versions are kept."""
    if strategy.canary and strategy.blue_green:
        message = "canary and blueGreen exclude each other"
        yield Said((*path, "blueGreen"), message, "keep one of the two", rule="strategy")
    elif not strategy.canary and not strategy.blue_green:
        message = "names no strategy"
        yield Said(path, message, "write `canary: {}` or `blueGreen: {activeService: ...}`", rule="strategy")
    if strategy.canary:
        yield from _canary(strategy.canary, (*path, "canary"))
    if strategy.blue_green:
        yield from _blue_green(strategy.blue_green, (*path, "blueGreen"), history)
    yield from _labels(strategy, path, selector)
    for use in uses(strategy, path):
        yield from analysis_uses.check(use.analysis, use.path)


def _labels(strategy: RolloutStrategy, path: Path, selector: LabelSelector) -> Iterator[Said]:
    """Labels for one part that a pod plays: never those by which it is found."""
    parts: list[tuple[Path, EphemeralMetadata | None]] = []
    if canary := strategy.canary:
        parts += [((*path, "canary", "canaryMetadata"), canary.canary_metadata)]
        parts += [((*path, "canary", "stableMetadata"), canary.stable_metadata)]
    if colours := strategy.blue_green:
        parts += [((*path, "blueGreen", "activeMetadata"), colours.active_metadata)]
        parts += [((*path, "blueGreen", "previewMetadata"), colours.preview_metadata)]
    for at, meta in parts:
        for key, value in meta.labels.items() if meta else ():
            if selector.match_labels.get(key, value) != value:
                message = f"changes a label of spec.selector: {key}={selector.match_labels[key]}"
                yield Said((*at, "labels", key), message, "use another label", rule="selector")


def _blue_green(strategy: BlueGreenStrategy, path: Path, history: int) -> Iterator[Said]:
    if strategy.active_service == strategy.preview_service:
        message = f"{strategy.preview_service} is activeService already"
        remedy = "name another Service, or leave previewService out"
        yield Said((*path, "previewService"), message, remedy, rule="strategy")
    yield from _history(strategy.scale_down_delay_revision_limit, path, history)


def _history(limit: int | None, path: Path, history: int) -> Iterator[Said]:
    if limit is not None and limit > history:
        message = f"expected at most revisionHistoryLimit ({history}), found {limit}"
        at = (*path, "scaleDownDelayRevisionLimit")
        yield Said(at, message, "lower it, or raise revisionHistoryLimit", rule="strategy")


def _canary(strategy: CanaryStrategy, path: Path) -> Iterator[Said]:
    if zero(strategy.max_surge) and zero(strategy.max_unavailable):
        message = "maxSurge and maxUnavailable are both 0, so no pod could ever be replaced"
        yield Said((*path, "maxUnavailable"), message, "set one of the two to 1", rule="strategy")
    if strategy.canary_service and strategy.canary_service == strategy.stable_service:
        message = f"{strategy.stable_service} is canaryService already"
        remedy = "name two Services: one leads to the canary, one to the stable version"
        yield Said((*path, "stableService"), message, remedy, rule="strategy")
    if strategy.traffic_routing is None:
        yield from _unrouted(strategy, path)
    else:
        yield from _routed(strategy, strategy.traffic_routing, path)
    yield from _starting_step(strategy, path)
    yield from canary_steps.check(strategy, path)


def _unrouted(strategy: CanaryStrategy, path: Path) -> Iterator[Said]:
    """Without a split of the traffic, pods are all that there is of a weight."""
    remedy = "add `trafficRouting: {}` with canaryService and stableService, or remove it"
    if strategy.dynamic_stable_scale:
        yield Said((*path, "dynamicStableScale"), "needs trafficRouting", remedy, rule="strategy")
    if strategy.scale_down_delay_seconds != _DEFAULTS.scale_down_delay_seconds:
        yield Said((*path, "scaleDownDelaySeconds"), "needs trafficRouting", remedy, rule="strategy")
    if strategy.min_pods_per_replica_set != _DEFAULTS.min_pods_per_replica_set:
        message = "has no effect without trafficRouting"
        yield Said((*path, "minPodsPerReplicaSet"), message, remedy, "warning", rule="no-effect")


def _routed(strategy: CanaryStrategy, routing: TrafficRouting, path: Path) -> Iterator[Said]:
    at = (*path, "trafficRouting")
    for name, given in (
        ("canaryService", strategy.canary_service),
        ("stableService", strategy.stable_service),
    ):
        if not given:
            message = f"needs {name} beside it"
            remedy = f"add {name} with the name of a Service for the pods of that version"
            yield Said(at, message, remedy, rule="strategy")
    if (
        strategy.dynamic_stable_scale
        and strategy.scale_down_delay_seconds != _DEFAULTS.scale_down_delay_seconds
    ):
        message = "excludes scaleDownDelaySeconds: the stable pods go while the canary comes"
        yield Said((*path, "dynamicStableScale"), message, "keep one of the two", rule="strategy")
    if nginx := routing.nginx:
        yield from metadata.notes(nginx, (*at, "nginx"))
        if bool(nginx.stable_ingress) == bool(nginx.stable_ingresses):
            found = "both" if nginx.stable_ingress else "neither"
            message = f"expected stableIngress or stableIngresses, found {found}"
            remedy = "name the Ingresses that lead to stableService in one of the two"
            yield Said((*at, "nginx"), message, remedy, rule="strategy")
    yield from canary_steps.managed_routes(routing, (*at, "managedRoutes"))


def _starting_step(strategy: CanaryStrategy, path: Path) -> Iterator[Said]:
    if strategy.analysis is None or strategy.analysis.starting_step is None:
        return
    first, count = strategy.analysis.starting_step, len(strategy.steps)
    if first >= count:
        there = f"the steps are numbered 0 to {count - 1}" if count else "there are no steps"
        message = f"expected the number of a step, found {first}"
        yield Said((*path, "analysis", "startingStep"), message, there, rule="strategy")
