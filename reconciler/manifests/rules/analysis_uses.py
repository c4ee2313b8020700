"""Rules about an analysis as a strategy asks for it: its templates' names and its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import metadata, regexes
from reconciler.manifests.said import Said, shown
from reconciler.model.rollout import AnalysisRunArgument, RolloutAnalysis

_METADATA = re.compile(r"metadata\.(name|namespace|labels|annotations|(labels|annotations)\['[^']+'\])")
_FIELD = re.compile(r"spec(\.\w[-\w]*|\[[0-9]+\])+")


def check(analysis: RolloutAnalysis, path: Path) -> Iterator[Said]:
    yield from metadata.notes(analysis, path)
    if not analysis.templates:
        message = "is missing, expected at least one template"
        yield Said((*path, "templates"), message, "add `- templateName: ...`", rule="required")
    names: set[str] = set()
    for index, argument in enumerate(analysis.args):
        at = (*path, "args", index)
        if argument.name in names:
            message = f'a second argument is called "{argument.name}"'
            yield Said((*at, "name"), message, "keep one of the two", rule="duplicate")
        names.add(argument.name)
        yield from _argument(argument, at)
    yield from regexes.metric_names(analysis.dry_run, analysis.measurement_retention, path)


def _argument(argument: AnalysisRunArgument, path: Path) -> Iterator[Said]:
    origin = argument.value_from
    if origin is None:
        return
    at = (*path, "valueFrom")
    if argument.value != "":
        yield Said(at, "excludes value", "keep one of the two", rule="argument")
    if (origin.field_ref is None) == (origin.pod_template_hash_value is None):
        found = "neither" if origin.field_ref is None else "both"
        message = f"expected podTemplateHashValue or fieldRef, found {found}"
        yield Said(at, message, "write one of the two", rule="argument")
    if origin.field_ref is not None:
        yield from field(origin.field_ref.field_path, (*at, "fieldRef", "fieldPath"))


def field(text: str, path: Path) -> Iterator[Said]:
    """Argo Rollouts: what pods may read of their metadata, or any plain value of spec. The status
    is no part of the object here: it is drawn from what the reconciler remembers, for people.
    """
    if not _METADATA.fullmatch(text) and not _FIELD.fullmatch(text):
        message = f"expected a field of the Rollout, found {shown(text)}"
        remedy = "write it as metadata.name, metadata.labels['app'] or spec.replicas"
        yield Said(path, message, remedy, rule="argument")
