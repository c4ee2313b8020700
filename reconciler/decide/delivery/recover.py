"""All progress is lost: what runs, and what the proxies were told, say where the delivery stood.

One version runs                        it is the stable one; another wanted one is a new version
several run, one of them is wanted      everything is held as it is seen until somebody says how to go on
several run, none of them is wanted     the same
more than the stable and the wanted     those stay warm once more as long as others do
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from reconciler.decide.delivery.begin import first_version, next_version
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.sight import Sight
from reconciler.model.delivery import Delivery, Hold
from reconciler.model.progress import PastVersion, RolloutState
from reconciler.model.rollout import SetCanaryScale

FORGOTTEN = (
    "where it stood was lost; what is seen is kept until somebody says resume, promote, abort or retry"
)

Shares = Mapping[str, int]
"""What each version gets of the traffic, by template hash, in any unit; empty when nobody knows. Of a
blue-green: who stands by.
"""


def remembered(
    sight: Sight,
    recipe: Recipe,
    revisions: Mapping[str, str],
    shares: Shares,
    active: str,
    now: float,
) -> RolloutState:
    """`revisions` of the versions that run, `active`: the one that a blue-green's service leads to."""
    if not sight.crowds:
        return first_version(sight, recipe, now)
    if len(sight.crowds) == 1:
        return _single(next(iter(sight.crowds)), sight, recipe, revisions, now)
    return _held(sight, recipe, revisions, shares, active, now)


def _single(
    version: str, sight: Sight, recipe: Recipe, revisions: Mapping[str, str], now: float
) -> RolloutState:
    fresh = first_version(sight, recipe, now)
    if version == sight.template_hash:
        return fresh
    known = msgspec.structs.replace(sight, template_hash=version, revision=revisions.get(version, ""))
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


def _held(
    sight: Sight,
    recipe: Recipe,
    revisions: Mapping[str, str],
    shares: Shares,
    active: str,
    now: float,
) -> RolloutState:
    wanted = sight.template_hash
    stable = active if active and active != wanted else _stable(sight, shares)
    revision = revisions.get(stable, "")
    past = PastVersion(number=1, template_hash=stable, revision=revision, at=0.0)
    entry = PastVersion(number=2, template_hash=wanted, revision=sight.revision, at=now)
    whole = sum(shares.values())
    weight = recipe.whole * shares.get(wanted, 0) // whole if whole else None
    green = recipe.blue_green is not None
    others = sorted(v for v in sight.crowds.keys() - {stable, wanted} if _whole(sight, v))
    way = Delivery(
        stage=("switched" if active == wanted else "preview") if green else "stepping",
        step_since=now,
        step=0 if green else _step(recipe, weight),
        canary_hash="" if green else wanted,
        weight=None if green else weight,
        active_hash=(active or stable) if green else "",
        scale=None if green else SetCanaryScale(replicas=sight.of(wanted).count),
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


def _whole(sight: Sight, version: str) -> bool:
    """Warm; one that lacks a pod was about to go."""
    return sight.of(version).available == sight.of(version).count


def _stable(sight: Sight, shares: Shares) -> str:
    """The one with most of the traffic, else with most pods, that isn't the wanted one."""
    others = [v for v in sight.crowds if v != sight.template_hash]
    return max(others, key=lambda v: (shares.get(v, 0), sight.of(v).available, sight.of(v).count, v))


def _step(recipe: Recipe, weight: int | None) -> int:
    """The step after which the weight was as it is seen; the last of its kind before more was given."""
    found = 0
    for index, step in enumerate(recipe.steps):
        if step.set_weight is not None:
            if weight is None or step.set_weight > weight:
                break
            found = index
    return found
