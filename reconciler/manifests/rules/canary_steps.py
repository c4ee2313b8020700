"""Rules about the steps of a canary, and about the header routes that they make."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules.amounts import MOST
from reconciler.manifests.rules.regexes import compiles
from reconciler.manifests.said import Said, shown
from reconciler.model import duration
from reconciler.model.rollout import (
    CanaryStep,
    CanaryStrategy,
    ReplicaProgressThreshold,
    SetCanaryScale,
    SetHeaderRoute,
    StringMatch,
    TrafficRouting,
)

_ROUTE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_ROUTING = "add `trafficRouting: {}` with canaryService and stableService, or remove the step"

MOST_MATCHES = 32
"""All must hold at once, and HAProxy takes 64 words in a condition."""


def check(strategy: CanaryStrategy, path: Path) -> Iterator[Said]:
    if strategy.replica_progress_threshold:
        yield from _threshold(strategy.replica_progress_threshold, (*path, "replicaProgressThreshold"))
    for index, step in enumerate(strategy.steps):
        yield from _step(step, strategy.traffic_routing, (*path, "steps", index))


def _step(step: CanaryStep, routing: TrafficRouting | None, path: Path) -> Iterator[Said]:
    given = [
        json_name
        for name, json_name in zip(step.__struct_fields__, step.__struct_encode_fields__, strict=True)
        if getattr(step, name) is not None
    ]
    if len(given) != 1:
        found = " and ".join(given) if given else "nothing"
        remedy = "give each its own step" if given else "write pause: {}, or another field of a step"
        yield Said(path, f"expected one field, found {found}", remedy, rule="step")
    if step.set_weight is not None:
        yield from _weight(step.set_weight, routing, (*path, "setWeight"))
    if step.pause is not None and step.pause.duration is not None:
        yield from _pause(step.pause.duration, (*path, "pause", "duration"))
    if step.set_canary_scale is not None:
        yield from _scale(step.set_canary_scale, routing, (*path, "setCanaryScale"))
    if step.set_header_route is not None:
        yield from _header_route(step.set_header_route, routing, (*path, "setHeaderRoute"))
    if step.replica_progress_threshold is not None:
        yield from _threshold(step.replica_progress_threshold, (*path, "replicaProgressThreshold"))


def _weight(weight: int, routing: TrafficRouting | None, path: Path) -> Iterator[Said]:
    most = routing.max_traffic_weight if routing else 100
    if weight > most:
        remedy = "it is a percentage" if most == 100 else "it is a share of trafficRouting.maxTrafficWeight"
        yield Said(path, f"expected at most {most}, found {weight}", remedy, rule="step")


def _pause(length: int | str, path: Path) -> Iterator[Said]:
    """Argo Rollouts: a number of 32 bits, also as text, is seconds; other text is a duration of Go."""
    text = str(length)
    remedy = "write seconds, or 30s, 5m, 1h30m; leave duration out to pause until somebody resumes"
    if text.isascii() and text.isdigit():
        if len(text) > 10 or int(text) > MOST:
            yield Said(path, f"expected at most {MOST} seconds, found {shown(length)}", remedy, rule="step")
        return
    try:
        duration.seconds(text)
    except ValueError:
        yield Said(path, f"expected a duration, found {shown(length)}", remedy, rule="step")


def _scale(scale: SetCanaryScale, routing: TrafficRouting | None, path: Path) -> Iterator[Said]:
    given = [
        name
        for name, there in (
            ("replicas", scale.replicas is not None),
            ("weight", scale.weight is not None),
            ("matchTrafficWeight", scale.match_traffic_weight),
        )
        if there
    ]
    if len(given) != 1:
        message = (
            f"expected one of replicas, weight, matchTrafficWeight, found {' and '.join(given) or 'none'}"
        )
        yield Said(path, message, "keep one" if given else "add one", rule="step")
    if routing is None:
        message = "needs trafficRouting: without it, the weight alone says how many canary pods there are"
        yield Said(path, message, _ROUTING, rule="step")


def _header_route(route: SetHeaderRoute, routing: TrafficRouting | None, path: Path) -> Iterator[Said]:
    if routing is None:
        yield Said(path, "needs trafficRouting", _ROUTING, rule="step")
    elif route.name not in {managed.name for managed in routing.managed_routes}:
        message = f'"{route.name}" isn\'t in trafficRouting.managedRoutes'
        remedy = f"add `- name: {route.name}` there"
        yield Said((*path, "name"), message, remedy, rule="step")
    if len(route.match) > MOST_MATCHES:
        message = f"expected at most {MOST_MATCHES} headers, found {len(route.match)}"
        yield Said((*path, "match"), message, "match on fewer of them", rule="step")
    for index, match in enumerate(route.match):
        yield from _string_match(match.header_value, (*path, "match", index, "headerValue"))


def _string_match(match: StringMatch, path: Path) -> Iterator[Said]:
    forms = {"exact": match.exact, "prefix": match.prefix, "regex": match.regex}
    given = [name for name, text in forms.items() if text]
    if len(given) != 1:
        message = f"expected one of exact, prefix, regex, found {' and '.join(given) or 'none'}"
        yield Said(path, message, "keep one" if given else "add one", rule="step")
    for name in given:
        if not forms[name].isprintable():
            message = "holds characters that no header can have"
            yield Said((*path, name), message, "remove control characters and line breaks", rule="step")
    if match.regex:
        yield from compiles(match.regex, (*path, "regex"))


def managed_routes(routing: TrafficRouting, path: Path) -> Iterator[Said]:
    seen: set[str] = set()
    for index, route in enumerate(routing.managed_routes):
        at = (*path, index, "name")
        if not _ROUTE.fullmatch(route.name):
            message = f"expected a name, found {shown(route.name)}"
            remedy = "use up to 63 letters, digits, '-', '_' and '.'"
            yield Said(at, message, remedy, rule="name")
        if route.name in seen:
            yield Said(at, f'a second route is called "{route.name}"', "remove one", rule="duplicate")
        seen.add(route.name)


def _threshold(threshold: ReplicaProgressThreshold, path: Path) -> Iterator[Said]:
    if threshold.type == "Percent" and threshold.value > 100:
        message = f"expected at most 100, found {threshold.value}"
        yield Said((*path, "value"), message, "write type: Pods for a number of pods", rule="step")
