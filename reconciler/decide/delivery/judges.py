"""Which analyses a delivery asks for at each stage, and under which names."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.decide.delivery.bluegreen import READY
from reconciler.decide.delivery.recipe import Recipe
from reconciler.decide.delivery.way import way_of
from reconciler.model.base import Value
from reconciler.model.delivery import RunRole
from reconciler.model.meta import Key
from reconciler.model.progress import RolloutState
from reconciler.model.rollout import RolloutAnalysis

ABBREVIATED = {"pre-promotion": "pre", "post-promotion": "post", "background": "background"}


class Judge(Value):
    """One run that there should be now."""

    role: RunRole
    analysis: RolloutAnalysis
    key: Key
    step: int | None = None


def judges(owner: Key, state: RolloutState, recipe: Recipe) -> Iterator[Judge]:
    """Argo Rollouts: none for a first version, none for a rollback, none when promoted in full. And none as
    long as nobody has said how to go on after a loss of memory.
    """
    way = way_of(state)
    if way.full or way.held_by("forgotten") or state.template_hash == state.stable_hash:
        return
    found: list[tuple[RunRole, RolloutAnalysis | None, int | None]] = []
    if (green := recipe.blue_green) is not None:
        if way.stage == "preview" and way.available_at is not None and way.step < READY:
            found.append(("pre-promotion", green.pre_promotion_analysis, None))
        if way.stage == "switched":
            found.append(("post-promotion", green.post_promotion_analysis, None))
    elif way.stage in ("stepping", "finishing") and way.canary_hash in ("", state.template_hash):
        background = recipe.canary.analysis
        if background is not None and way.step >= (background.starting_step or 0):
            found.append(("background", background, None))
        if way.stage == "stepping" and way.step < len(recipe.steps):
            found.append(("step", recipe.steps[way.step].analysis, way.step))
    for role, analysis, step in found:
        if analysis is not None and analysis.templates:
            yield Judge(role=role, analysis=analysis, key=_key(owner, state, role, step), step=step)


def _key(owner: Key, state: RolloutState, role: RunRole, step: int | None) -> Key:
    """`web-5d7f9a1b2c-3-background`, `...-3-2` for the analysis of step 2; a retry adds its number."""
    tail = str(step) if step is not None else ABBREVIATED[role]
    attempt = way_of(state).attempt
    again = f".{attempt}" if attempt else ""
    return Key(
        "AnalysisRun", owner.namespace, f"{owner.name}-{state.template_hash}-{state.number}-{tail}{again}"
    )
