"""Rules about the templates that analyses name: they are there, lead nowhere in a circle, and fit together.

Source: Argo Rollouts (NewAnalysisRunFromTemplates, ValidateAnalysisTemplateWithType).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from reconciler.manifests.analysis_references import references
from reconciler.manifests.delivered import Delivered
from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry, Kept
from reconciler.manifests.rules.amounts import number
from reconciler.manifests.rules.analyses import has_value
from reconciler.manifests.rules.missing import missing
from reconciler.manifests.rules.regexes import match_some
from reconciler.manifests.said import Said, dotted
from reconciler.manifests.strategy import Use, uses
from reconciler.model.analysis import AnalysisTemplate, Argument, ClusterAnalysisTemplate
from reconciler.model.kinds import AnyTemplate
from reconciler.model.meta import Key
from reconciler.model.rollout import AnalysisTemplateRef


def across(
    entries: Sequence[Entry], every: Sequence[Delivered], kept: Kept, *, complete: bool
) -> Iterator[tuple[Entry, Said]]:
    for entry in entries:
        if isinstance(entry.item, AnalysisTemplate | ClusterAnalysisTemplate):
            yield from ((entry, said) for said in _nested(entry.item, kept, complete))
    for one in every:
        for use in uses(one.strategy, one.path):
            yield from ((one.entry, said) for said in _use(use, one.namespace, kept, complete))


def _find(reference: AnalysisTemplateRef, namespace: str, kept: Kept) -> AnyTemplate | None:
    found = kept.get(reference.key(namespace))
    item = found.item if found else None
    return item if isinstance(item, AnalysisTemplate | ClusterAnalysisTemplate) else None


def _nested(item: AnyTemplate, kept: Kept, complete: bool) -> Iterator[Said]:
    """Templates in a template. One for the whole fleet can't know a namespace to look in."""
    for index, reference in enumerate(item.spec.templates):
        path = ("spec", "templates", index, "templateName")
        if isinstance(item, ClusterAnalysisTemplate) and not reference.cluster_scope:
            message = "a ClusterAnalysisTemplate is in no namespace, and this names a template of one"
            yield Said(path, message, "add clusterScope: true", rule="reference")
        elif (inner := _find(reference, item.metadata.namespace, kept)) is None:
            yield _missing(reference.key(item.metadata.namespace), path, kept, complete)
        elif item.key in {one.key for one in _with_nested([inner], kept)}:
            message = f"leads back to {item.key}"
            yield Said(path, message, "remove one of the templates from the circle", rule="cycle")


def _missing(key: Key, path: Path, kept: Kept, complete: bool) -> Said:
    """The commonest mistake is the scope."""
    cluster = key.kind == "AnalysisTemplate"
    other = Key("ClusterAnalysisTemplate", "", key.name)
    said = missing(key, path, kept, complete=complete)
    if cluster and other in kept:
        return said._replace(remedy=f"there is a {other}: add clusterScope: true")
    return said


def _with_nested(templates: Sequence[AnyTemplate], kept: Kept) -> list[AnyTemplate]:
    """These and all that they name, each once, however they lead to each other."""
    found: list[AnyTemplate] = []
    waiting = list(templates)
    while waiting:
        item = waiting.pop(0)
        if any(item is one for one in found):
            continue
        found.append(item)
        inner = (_find(reference, item.metadata.namespace, kept) for reference in item.spec.templates)
        waiting.extend(one for one in inner if one is not None)
    return found


def _use(use: Use, namespace: str, kept: Kept, complete: bool) -> Iterator[Said]:
    """One analysis: its templates are merged into one run."""
    named = []
    for index, reference in enumerate(use.analysis.templates):
        path = (*use.path, "templates", index, "templateName")
        template = _find(reference, namespace, kept)
        if template is None:
            yield _missing(reference.key(namespace), path, kept, complete)
            continue
        named.append(template)
        yield from _endless(use, template, path, kept)
        yield from _secrets(template, namespace, path, kept, complete)
    together = _with_nested(named, kept)
    yield from _metric_names(together, use.path)
    if len(named) == len(use.analysis.templates):
        yield from _arguments(together, use)
        if all(_find(inner, t.metadata.namespace, kept) for t in together for inner in t.spec.templates):
            yield from _matched(together, use)


def _endless(use: Use, template: AnyTemplate, path: Path, kept: Kept) -> Iterator[Said]:
    """Something waits for this run: it has to end. With a consecutiveSuccessLimit it does without a count."""
    for one in () if use.endless else _with_nested([template], kept):
        for metric in one.spec.metrics:
            counted = metric.count is not None and number(metric.count) != 0
            if metric.interval and not counted and number(metric.consecutive_success_limit) == 0:
                message = (
                    f'the metric "{metric.name}" of {one.key} has an interval and no count: it never ends'
                )
                remedy = "add count or consecutiveSuccessLimit, or use it in the canary's own analysis"
                yield Said(path, message, remedy, rule="metric")


def _secrets(template: AnyTemplate, namespace: str, path: Path, kept: Kept, complete: bool) -> Iterator[Said]:
    """What a template for the whole fleet reads, it reads in the namespace where it is used."""
    if not isinstance(template, ClusterAnalysisTemplate):
        return
    for reference in references(template):
        key = Key(reference.kind, namespace, reference.name)
        if key not in kept and not reference.optional and reference.needed:
            said = missing(key, path, kept, complete=complete)
            yield said._replace(message=f"{said.message}, which {template.key} reads")


def _metric_names(together: Sequence[AnyTemplate], path: Path) -> Iterator[Said]:
    owners: dict[str, AnyTemplate] = {}
    for template in together:
        for metric in template.spec.metrics:
            owner = owners.setdefault(metric.name, template)
            if owner is not template:
                message = f'{owner.key} and {template.key} both have a metric "{metric.name}"'
                yield Said((*path, "templates"), message, "rename one of the two", rule="duplicate")


def _matched(together: Sequence[AnyTemplate], use: Use) -> Iterator[Said]:
    """What is dry and what is kept is said by the names of metrics, of any of the templates."""
    names = {metric.name for template in together for metric in template.spec.metrics}
    yield from match_some(use.analysis.dry_run, use.analysis.measurement_retention, names, use.path)
    for template in together:
        spec = template.spec
        for said in match_some(spec.dry_run, spec.measurement_retention, names, ("spec",)):
            message = f"{dotted(said.path)} of {template.key}: {said.message}"
            yield said._replace(path=(*use.path, "templates"), message=message)


def _arguments(together: Sequence[AnyTemplate], use: Use) -> Iterator[Said]:
    declared: dict[str, Argument] = {}
    given = {argument.name for argument in use.analysis.args}
    for argument in (argument for template in together for argument in template.spec.args):
        known = declared.get(argument.name)
        if known is None or not has_value(known):
            declared[argument.name] = argument
        elif None not in (known.value, argument.value) and known.value != argument.value:
            message = f'two templates give the argument "{argument.name}" different values'
            remedy = "give it the same value in both, or in one of them"
            yield Said((*use.path, "templates"), message, remedy, rule="argument")
    for name, argument in declared.items():
        if name not in given and not has_value(argument):
            owner = next(one for one in together if argument in one.spec.args)
            message = f'{owner.key} needs the argument "{name}"'
            remedy = f"add `- name: {name}` and its value"
            yield Said((*use.path, "args"), message, remedy, rule="argument")
    for index, one in enumerate(use.analysis.args):
        if one.name not in declared:
            near = get_close_matches(one.name, declared, 1, 0.6)
            remedy = f"did you mean {near[0]}?" if near else "remove it"
            at = (*use.path, "args", index, "name")
            message = f'no template has an argument "{one.name}"'
            yield Said(at, message, remedy, "warning", rule="argument")
