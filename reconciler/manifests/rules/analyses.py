"""Rules about one AnalysisTemplate, ClusterAnalysisTemplate or AnalysisRun alone: arguments and names.

Source: Argo Rollouts (ValidateMetrics, MergeArgs).
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from itertools import islice

import msgspec

from reconciler.manifests.arguments import used
from reconciler.manifests.explain import MAX_ERRORS
from reconciler.manifests.rules import analysis_uses, metrics, regexes
from reconciler.manifests.said import Said
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, Argument, ClusterAnalysisTemplate

Judging = AnalysisTemplate | ClusterAnalysisTemplate | AnalysisRun


def check(item: Judging) -> Iterator[Said]:
    spec = item.spec
    if not spec.metrics and (isinstance(item, AnalysisRun) or not item.spec.templates):
        message = "is missing, expected at least one metric"
        yield Said(("spec", "metrics"), message, "add one", rule="required")
    yield from _arguments(item)
    yield from islice(_undeclared(item), MAX_ERRORS)
    names: set[str] = set()
    for index, metric in enumerate(spec.metrics):
        at = ("spec", "metrics", index)
        if metric.name in names:
            message = f'a second metric is called "{metric.name}"'
            yield Said((*at, "name"), message, "give each its own name", rule="duplicate")
        names.add(metric.name)
        yield from metrics.check(metric, at)
    yield from regexes.metric_names(spec.dry_run, spec.measurement_retention, ("spec",))
    if isinstance(item, AnalysisRun):
        yield from regexes.match_some(spec.dry_run, spec.measurement_retention, names, ("spec",))


def _arguments(item: Judging) -> Iterator[Said]:
    names: set[str] = set()
    for index, argument in enumerate(item.spec.args):
        at = ("spec", "args", index)
        if argument.name in names:
            message = f'a second argument is called "{argument.name}"'
            yield Said((*at, "name"), message, "keep one of the two", rule="duplicate")
        names.add(argument.name)
        origin = argument.value_from
        if origin and (origin.secret_key_ref is None) == (origin.field_ref is None):
            found = "neither" if origin.field_ref is None else "both"
            message = f"expected secretKeyRef or fieldRef, found {found}"
            yield Said((*at, "valueFrom"), message, "write one of the two", rule="argument")
        if origin and origin.field_ref:
            place = (*at, "valueFrom", "fieldRef", "fieldPath")
            yield from analysis_uses.field(origin.field_ref.field_path, place)
        if origin and argument.value is not None:
            yield Said((*at, "valueFrom"), "excludes value", "keep one of the two", rule="argument")
        if isinstance(item, AnalysisRun) and not has_value(argument):
            message = f'the argument "{argument.name}" has no value, and nobody gives a run one'
            yield Said((*at, "value"), message, "add value, or valueFrom", rule="argument")


def has_value(argument: Argument) -> bool:
    return argument.value is not None or argument.value_from is not None


def _undeclared(item: Judging) -> Iterator[Said]:
    declared = [argument.name for argument in item.spec.args]
    for path, name in used(msgspec.to_builtins(item.spec.metrics), ("spec", "metrics")):
        if name not in declared:
            near = get_close_matches(name, declared, 1, 0.6)
            remedy = f"did you mean {near[0]}?" if near else f"add `- name: {name}` to spec.args"
            yield Said(path, f'there is no argument "{name}"', remedy, rule="argument")
