"""What pods have besides their template's labels and annotations, as long as they play one part."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.model.delivery import Delivery
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import EphemeralMetadata

Ephemeral = dict[tuple[Key, str], EphemeralMetadata]
"""By owner and template hash."""


def ephemeral(desired: Desired, rollouts: Mapping[Key, RolloutState]) -> Ephemeral:
    """Of every version of every delivered object that gives its pods something."""
    found: Ephemeral = {}
    for owner, state in rollouts.items():
        way, workload = state.delivery, desired.workloads.get(owner)
        recipe = recipe_of(desired, owner, workload) if way is not None and workload is not None else None
        if way is not None and recipe is not None:
            parts = _parts(state, way, recipe)
            found.update({(owner, v): given for v, given in parts.items() if given is not None})
    return found


def _parts(state: RolloutState, way: Delivery, recipe: Recipe) -> dict[str, EphemeralMetadata | None]:
    """The later of two parts that one version plays counts: what is promoted is no canary any more."""
    new, stable = state.template_hash, state.stable_hash or state.template_hash
    if (green := recipe.blue_green) is not None:
        return {new: green.preview_metadata} | {way.active_hash or new: green.active_metadata}
    return {new: recipe.canary.canary_metadata} | {stable: recipe.canary.stable_metadata}
