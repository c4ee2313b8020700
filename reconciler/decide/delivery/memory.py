"""The state of an object that nothing is remembered of: from its pods and from what the proxies do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from reconciler.decide.current import Pass
from reconciler.decide.delivery.begin import next_version
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.recover import Traces, remembered
from reconciler.decide.delivery.sight import Sight
from reconciler.model.delivery import Delivery, Stage
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord
from reconciler.model.progress import RolloutState
from reconciler.model.traffic import RoutedService


def beginning(
    turn: Pass, owner: Key, recipe: Recipe, sight: Sight, seen: Mapping[str, PodRecord]
) -> RolloutState:
    """A Deployment that was rolled until now, and is delivered from now on, has a state already."""
    if (before := turn.before.rollouts.get(owner)) is not None:
        return _taken_over(before, sight, recipe, turn.now)
    versions = {
        (p.record.name, p.record.ip): p.record.template_hash for p in turn.observed.by_owner.get(owner, ())
    }
    told = _told(turn, owner.namespace)
    green = recipe.blue_green
    active = _active(told.get(green.active_service), versions) if green is not None else ""
    shares = (
        _standing_by(told.get(green.active_service), versions)
        if green is not None
        else _shares(told, _apart(recipe), versions)
    )
    traces = Traces(
        revisions={version: record.revision for version, record in seen.items()},
        shares=shares,
        active=active,
        routes=frozenset(route.name for service in told.values() for route in service.header_routes),
    )
    return remembered(sight, recipe, traces, turn.now)


def _taken_over(before: RolloutState, sight: Sight, recipe: Recipe, now: float) -> RolloutState:
    """A rolling update that has failed is aborted; one that is under way begins at its first step."""
    green = recipe.blue_green is not None
    new, stable = before.template_hash, before.stable_hash
    stage: Stage = "preview" if green else "stepping"
    if before.phase == "complete":
        stage, stable = "done", new
    elif stable in ("", new):
        stage = "first"
    elif before.phase == "failed":
        stage = "aborted"
    serving = new if stage in ("first", "done") else stable
    way = Delivery(stage=stage, step_since=now, active_hash=serving if green else "", ended_at=now)
    state = msgspec.structs.replace(before, stable_hash=stable, delivery=way)
    return state if before.template_hash == sight.template_hash else next_version(state, sight, recipe, now)


def _told(turn: Pass, namespace: str) -> dict[str, RoutedService]:
    """The namespace's services as most nodes were told them: who told them may have died meanwhile. Nodes
    that can be asked count before others, which may have been told long ago.
    """
    views = list(turn.survey.views.values())
    found: dict[str, Counter[RoutedService]] = {}
    for view in [v for v in views if v.status == "ready"] or views:
        for service in view.state.traffic.services if view.state.traffic else ():
            if service.namespace == namespace:
                found.setdefault(service.name, Counter())[service] += 1
    return {name: told.most_common(1)[0][0] for name, told in found.items()}


def _apart(recipe: Recipe) -> frozenset[str]:
    """Services that lead to one version only: they say nothing of shares."""
    return frozenset((recipe.canary.canary_service, recipe.canary.stable_service))


def _active(service: RoutedService | None, versions: Mapping[tuple[str, str], str]) -> str:
    """The version that the active service leads to."""
    if service is None:
        return ""
    live = [e for p in service.ports for e in p.endpoints if e.slot == service.live and e.state == "ready"]
    found = [v for e in live if (v := versions.get((e.name, e.ip)))]
    return max(sorted(set(found)), key=found.count, default="")


def _standing_by(service: RoutedService | None, versions: Mapping[tuple[str, str], str]) -> dict[str, int]:
    """The version in the active service's other slot: of several that are warm, the last that was active."""
    ends = [e for p in service.ports for e in p.endpoints if e.slot != service.live] if service else []
    ends = [e for e in ends if e.weight]
    return dict(Counter(v for e in ends if (v := versions.get((e.name, e.ip)))))


def _shares(
    told: Mapping[str, RoutedService], apart: frozenset[str], versions: Mapping[tuple[str, str], str]
) -> dict[str, int]:
    """Weights by version, of the first port that leads to several; else of one that leads to a single one."""
    single: dict[str, int] = {}
    for name, service in sorted(told.items()):
        for port in service.ports if name not in apart else ():
            shares: dict[str, int] = {}
            for end in port.endpoints:
                version = versions.get((end.name, end.ip))
                if version is not None and end.state == "ready":
                    shares[version] = shares.get(version, 0) + end.weight
            if len(shares) > 1:
                return shares
            single = single or shares
    return single
