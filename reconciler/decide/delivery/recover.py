"""All progress is lost: what runs, and what the proxies were told, say where the delivery stood.

One version runs                        it is the stable one; another wanted one is a new version
several run, one of them is wanted      everything is held as it is seen until somebody says how to go on
several run, none of them is wanted     the same: who has most of the traffic is the stable one, and the one
                                        beside it keeps its share; the wanted one waits
more than the stable and the wanted     after that, they stay warm for as long as they did when they were new

Another commit ends the hold, too: its version begins at its first step, from the stable one.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

import msgspec

from reconciler.decide.delivery.begin import first_version, next_version
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.sight import Sight
from reconciler.model.base import Value
from reconciler.model.delivery import Delivery, Hold
from reconciler.model.progress import PastVersion, RolloutState
from reconciler.model.rollout import SetCanaryScale, SetHeaderRoute

FORGOTTEN = (
    "where it stood was lost; what is seen is kept until somebody says resume, promote, abort or retry"
)


class Traces(Value):
    """What pods and proxies still tell. Versions by their template hash.

    `revisions` of those that run. `shares`: what each gets of the traffic, in any unit, empty when nobody
    knows; of a blue-green: who stands by. `active`: the one that a blue-green's service leads to. `routes`:
    the names of the header routes that there are.
    """

    revisions: Mapping[str, str] = {}
    shares: Mapping[str, int] = {}
    active: str = ""
    routes: frozenset[str] = frozenset()


def remembered(sight: Sight, recipe: Recipe, traces: Traces, now: float) -> RolloutState:
    if not sight.crowds:
        return first_version(sight, recipe, now)
    if len(sight.crowds) == 1:
        return _single(sight, recipe, traces, now)
    return _held(sight, recipe, traces, now)


def _single(sight: Sight, recipe: Recipe, traces: Traces, now: float) -> RolloutState:
    (version,) = sight.crowds
    fresh = first_version(sight, recipe, now)
    if version == sight.template_hash:
        return fresh
    known = msgspec.structs.replace(sight, template_hash=version, revision=traces.revisions.get(version, ""))
    old = first_version(known, recipe, 0.0)
    assert old.delivery is not None
    stable = msgspec.structs.replace(
        old,
        phase="complete",
        stable_hash=version,
        stable_revision=known.revision,
        delivery=msgspec.structs.replace(old.delivery, stage="done"),
    )
    return next_version(stable, sight, recipe, now)


def _held(sight: Sight, recipe: Recipe, traces: Traces, now: float) -> RolloutState:
    wanted, shares, active = sight.template_hash, traces.shares, traces.active
    stable = active if active and active != wanted else _stable(sight, shares)
    revision = traces.revisions.get(stable, "")
    past = PastVersion(number=1, template_hash=stable, revision=revision, at=0.0)
    entry = PastVersion(number=2, template_hash=wanted, revision=sight.revision, at=now)
    whole = sum(shares.values())
    beside = wanted if wanted in sight.crowds else _stable(sight, shares, stable)
    weight = _weight(recipe.whole, shares.get(beside, 0), whole) if whole else None
    green = recipe.blue_green is not None
    others = sorted(v for v in sight.crowds.keys() - {stable, wanted} if _whole(sight, v))
    way = Delivery(
        stage=("switched" if active == wanted else "preview") if green else "stepping",
        step_since=now,
        step=0 if green else _step(recipe, weight),
        canary_hash="" if green else beside,
        weight=None if green else weight,
        active_hash=(active or stable) if green else "",
        scale=None if green else SetCanaryScale(replicas=sight.of(wanted).count),
        routes=() if green else _routes(recipe, traces.routes),
        holds=(Hold(reason="forgotten", since=now, message=FORGOTTEN),),
        ended_at=now,
        retiring=dict.fromkeys(others, now + recipe.warm) if recipe.warm else {},
    )
    return RolloutState(
        template_hash=wanted,
        phase="paused",
        number=2,
        started_at=now,
        progressed_at=now,
        message=FORGOTTEN,
        stable_hash=stable,
        stable_revision=revision,
        history=(past, entry),
        delivery=way,
    )


def _weight(of: int, part: int, whole: int) -> int:
    """The nearest one; none that takes all from somebody who has some."""
    nearest = (2 * of * part + whole) // (2 * whole)
    return nearest if part in (0, whole) else min(max(1, nearest), of - 1)


def _whole(sight: Sight, version: str) -> bool:
    """Warm; one that lacks a pod was about to go."""
    return sight.of(version).available == sight.of(version).count


def _stable(sight: Sight, shares: Mapping[str, int], but: str = "") -> str:
    """The one with most of the traffic, else with most pods, that isn't the wanted one."""
    others = [v for v in sight.crowds if v not in (sight.template_hash, but)]
    return max(others, key=lambda v: (shares.get(v, 0), sight.of(v).available, sight.of(v).count, v))


def _routes(recipe: Recipe, names: Container[str]) -> tuple[SetHeaderRoute, ...]:
    """Those of the steps that the proxies know, as the last step with that name set them."""
    found = [s.set_header_route for s in recipe.steps if s.set_header_route and s.set_header_route.match]
    return tuple({r.name: r for r in found if r.name in names}.values())


def _step(recipe: Recipe, weight: int | None) -> int:
    """The step after which the weight was as it is seen; the last of its kind before more was given."""
    found = 0
    for index, step in enumerate(recipe.steps):
        if step.set_weight is not None:
            if weight is None or step.set_weight > weight:
                break
            found = index
    return found
