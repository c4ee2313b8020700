"""From the templates that are asked for, and those that they name, to one list of metrics.

Argo Rollouts: every template counts once; two metrics of one name, or two different values of one argument,
are an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from reconciler.decide.analysis.reasons import Unfit
from reconciler.model.analysis import AnalysisTemplateSpec, Argument, Metric
from reconciler.model.desired import Desired
from reconciler.model.kinds import AnyTemplate
from reconciler.model.meta import Key
from reconciler.model.rollout import AnalysisTemplateRef, DryRun, MeasurementRetention


def merged(desired: Desired, namespace: str, refs: Iterable[AnalysisTemplateRef]) -> AnalysisTemplateSpec:
    """All of them as one. Raises `Unfit`."""
    seen: dict[Key, AnyTemplate] = {}
    for ref in refs:
        _gather(desired, namespace, ref, seen, "")
    specs = [template.spec for template in seen.values()]
    return AnalysisTemplateSpec(
        metrics=_metrics(seen),
        args=_arguments(seen),
        dry_run=tuple(dict.fromkeys(d for s in specs for d in s.dry_run)),
        measurement_retention=_retention(m for s in specs for m in s.measurement_retention),
    )


def _gather(
    desired: Desired, namespace: str, ref: AnalysisTemplateRef, seen: dict[Key, AnyTemplate], named_by: str
) -> None:
    key = ref.key(namespace)
    if key in seen:
        return
    template = desired.templates.get(key)
    if template is None:
        by = f", which {named_by} names" if named_by else ""
        other = "write clusterScope: true" if not ref.cluster_scope else "leave clusterScope out"
        hint = (
            f"; there is one of that name of the other kind: {other}"
            if _other(desired, namespace, ref)
            else ""
        )
        raise Unfit(f"there is no {key}{by}{hint}")
    seen[key] = template
    for nested in template.spec.templates:
        _gather(desired, namespace, nested, seen, str(key))


def _other(desired: Desired, namespace: str, ref: AnalysisTemplateRef) -> bool:
    other = msgspec.structs.replace(ref, cluster_scope=not ref.cluster_scope)
    return other.key(namespace) in desired.templates


def _metrics(templates: dict[Key, AnyTemplate]) -> tuple[Metric, ...]:
    found: dict[str, tuple[Key, Metric]] = {}
    for key, template in templates.items():
        for metric in template.spec.metrics:
            if metric.name in found:
                raise Unfit(f'{found[metric.name][0]} and {key} both have a metric "{metric.name}"')
            found[metric.name] = key, metric
    return tuple(metric for _, metric in found.values())


def _arguments(templates: dict[Key, AnyTemplate]) -> tuple[Argument, ...]:
    """One of each name: the first that has a value."""
    found: dict[str, Argument] = {}
    for name, argument in _named(templates.values()):
        before = found.get(name)
        if before is not None and None not in (before.value, argument.value):
            if before.value != argument.value:
                raise Unfit(f'two templates give the argument "{name}" different values')
            continue
        if before is None or (before.value is None and before.value_from is None):
            found[name] = argument
    return tuple(found.values())


def _named(templates: Iterable[AnyTemplate]) -> Iterator[tuple[str, Argument]]:
    for template in templates:
        for argument in template.spec.args:
            yield argument.name, argument


def _retention(rules: Iterable[MeasurementRetention]) -> tuple[MeasurementRetention, ...]:
    return tuple({rule.metric_name: rule for rule in rules}.values())


def together(first: Iterable[DryRun], more: Iterable[DryRun]) -> tuple[DryRun, ...]:
    """Both, each once."""
    return tuple(dict.fromkeys((*first, *more)))


def retained(
    first: Iterable[MeasurementRetention], more: Iterable[MeasurementRetention]
) -> tuple[MeasurementRetention, ...]:
    """Both; of two rules for the same metrics the later one."""
    return _retention((*first, *more))
