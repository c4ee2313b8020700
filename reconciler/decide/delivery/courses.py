"""The steps that are to come, in words: weights, pauses and judgements."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.decide.delivery.begin import goes_in_full
from reconciler.decide.delivery.green_text import green_stages
from reconciler.decide.delivery.recipe import Recipe, recipe_of
from reconciler.decide.delivery.words import step_text
from reconciler.model.analysis import Metric
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.progress import Progress, RolloutState
from reconciler.model.rollout import AnalysisTemplateRef, RolloutAnalysis

ONE_PAST = ("its version is the stable one, or was it just before: no steps",)


def courses(desired: Desired, progress: Progress) -> dict[Key, tuple[str, ...]]:
    """Of each delivered object that is on its way to a new version, or begins one now."""
    found: dict[Key, tuple[str, ...]] = {}
    for key, workload in desired.workloads.items():
        recipe, state = recipe_of(desired, key, workload), progress.rollouts.get(key)
        if recipe is None or state is None or state.delivery is None or not state.stable_hash:
            continue
        if lines := tuple(_course(desired, key, recipe, state)):
            found[key] = lines
    return found


def _course(desired: Desired, key: Key, recipe: Recipe, state: RolloutState) -> Iterator[str]:
    way = state.delivery
    assert way is not None, "the caller has asked"
    fresh = state.template_hash != desired.hashes[key]
    if not fresh and way.stage in ("done", "aborted"):
        return
    full = (
        goes_in_full(state, desired.hashes[key], recipe, reverts=desired.revision.reverts)
        if fresh
        else way.full
    )
    if full:
        yield from ONE_PAST if fresh else ()
        return
    begun = 0 if fresh else way.step
    if recipe.blue_green is not None:
        yield from _blue_green(desired, key.namespace, recipe)
        return
    for index, step in enumerate(recipe.steps):
        text = step_text(step)
        if step.analysis is not None:
            text = f"analysis {_analysis(desired, key.namespace, step.analysis)}"
        if index >= begun:
            yield f"{index + 1}. {text}"
    if (background := recipe.canary.analysis) is not None:
        first = (background.starting_step or 0) + 1
        yield f"from step {first} on, beside them: {_analysis(desired, key.namespace, background)}"
    yield f"{len(recipe.steps) + 1}. all pods, all of the traffic"


def _blue_green(desired: Desired, namespace: str, recipe: Recipe) -> Iterator[str]:
    green = recipe.blue_green
    assert green is not None, "the caller has asked"
    stages = green_stages(green, recipe.replicas, lambda asked: _analysis(desired, namespace, asked))
    yield from (f"{number}. {text}" for number, (_, text) in enumerate(stages, 1))


def _analysis(desired: Desired, namespace: str, analysis: RolloutAnalysis) -> str:
    return ", ".join(_template(desired, namespace, ref) for ref in analysis.templates)


def _template(desired: Desired, namespace: str, ref: AnalysisTemplateRef) -> str:
    found = desired.templates.get(ref.key(namespace))
    if found is None or not found.spec.metrics:
        return ref.template_name
    return f"{ref.template_name} ({'; '.join(_metric(m) for m in found.spec.metrics)})"


def _metric(metric: Metric) -> str:
    """`error-rate: result.canary.errorRate <= 0.01, every 10s, 3 times`."""
    wanted = metric.success_condition or (
        f"not {metric.failure_condition}" if metric.failure_condition else "measured"
    )
    often = f", every {metric.interval}" if metric.interval else ""
    times = f", {metric.count} times" if metric.count not in (None, 0, 1) else ""
    return f"{metric.name}: {wanted}{often}{times}"
