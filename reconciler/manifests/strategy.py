"""How a workload is delivered step by step: a Rollout's strategy, or what a Deployment's annotation says."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from reconciler.manifests.documents import DocumentError, Path, Reader
from reconciler.manifests.said import Said, shown
from reconciler.model.base import typed
from reconciler.model.kinds import Object
from reconciler.model.labels import STRATEGY_ANNOTATION
from reconciler.model.rollout import Rollout, RolloutAnalysis, RolloutStrategy
from reconciler.model.workload import Deployment

ANNOTATION: Path = ("metadata", "annotations", STRATEGY_ANNOTATION)
_EXAMPLE = "write it as in a Rollout's spec.strategy: canary or blueGreen, and below it the fields"


class Use(NamedTuple):
    """An analysis that a strategy asks for, and where. `endless`: it may go on until it is ended."""

    analysis: RolloutAnalysis
    path: Path
    endless: bool


def strategy_of(item: Object) -> tuple[RolloutStrategy, Path] | None:
    """The strategy and where it stands; None for what isn't delivered step by step, or says so wrongly."""
    if isinstance(item, Rollout):
        return item.spec.strategy, ("spec", "strategy")
    if isinstance(item, Deployment) and STRATEGY_ANNOTATION in item.metadata.annotations:
        strategy = annotated(item.metadata.annotations[STRATEGY_ANNOTATION])[0]
        return (strategy, ANNOTATION) if strategy else None
    return None


@lru_cache(maxsize=256)
def annotated(text: str) -> tuple[RolloutStrategy | None, tuple[Said, ...]]:
    """The annotation's YAML as a strategy, or why it is none. The same text gives the identical strategy."""
    try:
        documents = list(Reader(text).documents())
    except DocumentError as error:
        where = f"line {error.line} of it: " if error.line else ""
        return None, (Said(ANNOTATION, f"{where}{error.message}", error.remedy, rule="yaml"),)
    if len(documents) != 1 or type(documents[0]) is not dict:
        found = shown(documents[0]) if len(documents) == 1 else f"{len(documents)} documents"
        return None, (Said(ANNOTATION, f"expected a strategy, found {found}", _EXAMPLE, rule="schema"),)
    try:
        return msgspec.convert(documents[0], typed(RolloutStrategy)), ()
    except msgspec.ValidationError as error:
        return None, tuple(_why(documents[0], error))


def _why(value: object, error: msgspec.ValidationError) -> Iterator[Said]:
    from reconciler.manifests.explain import explain

    for said in explain(value, RolloutStrategy) or [Said((), str(error), rule="schema")]:
        yield said._replace(path=(*ANNOTATION, *said.path))


def uses(strategy: RolloutStrategy, path: Path) -> Iterator[Use]:
    """Every analysis of a strategy, in the order of the manifest."""
    if canary := strategy.canary:
        for index, step in enumerate(canary.steps):
            if step.analysis:
                yield Use(step.analysis, (*path, "canary", "steps", index, "analysis"), False)
        if canary.analysis:
            yield Use(canary.analysis, (*path, "canary", "analysis"), True)
    if blue_green := strategy.blue_green:
        if blue_green.pre_promotion_analysis:
            yield Use(blue_green.pre_promotion_analysis, (*path, "blueGreen", "prePromotionAnalysis"), False)
        if blue_green.post_promotion_analysis:
            yield Use(
                blue_green.post_promotion_analysis, (*path, "blueGreen", "postPromotionAnalysis"), False
            )
