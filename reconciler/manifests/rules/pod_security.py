"""Rules that namespaces set for pods: Pod Security Standards, as their labels and nodes.yaml ask for them.

In Kubernetes `enforce` refuses pods, and a workload whose pods are refused stays without them. Here its
manifest is refused, because that is where it has to be changed. `warn` and `audit` are both warnings: there
is one place where something is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry
from reconciler.manifests.rules.security_controls import violations
from reconciler.manifests.said import Said, shown
from reconciler.manifests.strategy import strategy_of
from reconciler.model.analysis import AnalysisRun, AnalysisTemplate, ClusterAnalysisTemplate
from reconciler.model.config import Namespace
from reconciler.model.kinds import Object
from reconciler.model.meta import ObjectMeta
from reconciler.model.pod import Pod, PodSpec
from reconciler.model.pod_security import LEVELS, MODES, PREFIX, PodSecuritySpec, is_version, policy

Template = tuple[ObjectMeta, PodSpec, Path]


def labels(item: Namespace) -> Iterator[Said]:
    """A slip of the pen would leave a namespace without what it is to be held to."""
    known = [f"{PREFIX}{mode}{part}" for mode in MODES for part in ("", "-version")]
    for name, value in item.metadata.labels.items():
        if not name.startswith(PREFIX):
            continue
        at = ("metadata", "labels", name)
        if name not in known:
            message = "is no label of Pod Security"
            yield Said(at, message, f"known are {', '.join(known)}", rule="pod-security")
        elif name.endswith("-version") and not is_version(value):
            message = f"expected a version of Kubernetes, found {shown(value)}"
            yield Said(at, message, "write it as latest or v1.34", rule="pod-security")
        elif not name.endswith("-version") and value not in LEVELS:
            message = f"expected one of {', '.join(LEVELS)}, found {shown(value)}"
            yield Said(at, message, "write one of them", rule="pod-security")


def pod_security(entries: Sequence[Entry], spec: PodSecuritySpec) -> Iterator[tuple[Entry, Said]]:
    given: dict[str, Mapping[str, str]] = {
        entry.item.metadata.name: entry.item.metadata.labels
        for entry in reversed(entries)
        if isinstance(entry.item, Namespace)
    }
    asks = any(name.startswith(PREFIX) for one in given.values() for name in one)
    if not asks and spec.defaults == type(spec.defaults)():
        return
    measuring = _measuring(entries)
    for entry in entries:
        everywhere = isinstance(entry.item, ClusterAnalysisTemplate)
        for template in _templates(entry.item):
            for namespace in measuring if everywhere else (entry.item.metadata.namespace,):
                for said in _of(template, namespace, given.get(namespace, {}), spec):
                    yield entry, said


def _measuring(entries: Sequence[Entry]) -> list[str]:
    """Namespaces in which a template for the whole fleet may be used."""
    users = (e.item for e in entries if isinstance(e.item, AnalysisRun) or strategy_of(e.item))
    return sorted({item.metadata.namespace for item in users})


def _templates(item: Object) -> Iterator[Template]:
    """The pods that it makes, each with the place of its spec; its metadata stands beside it."""
    if isinstance(item, Pod):
        yield item.metadata, item.spec, ("spec",)
    elif isinstance(item, AnalysisTemplate | ClusterAnalysisTemplate | AnalysisRun):
        for index, metric in enumerate(item.spec.metrics):
            if metric.provider.job is not None:
                made = metric.provider.job.spec.template
                at = ("spec", "metrics", index, "provider", "job", "spec", "template", "spec")
                yield made.metadata, made.spec, at
    elif template := getattr(getattr(item, "spec", None), "template", None):
        yield template.metadata, template.spec, ("spec", "template", "spec")


def _of(
    template: Template, namespace: str, given: Mapping[str, str], spec: PodSecuritySpec
) -> Iterator[Said]:
    exempt = spec.exemptions
    if namespace in exempt.namespaces or template[1].runtime_class_name in exempt.runtime_classes:
        return
    told: set[Path] = set()
    for mode in MODES:
        held = policy(mode, given, spec.defaults)
        for path, (control, must) in violations(*template, held).items():
            if path in told:
                continue
            told.add(path)
            yield Said(
                path,
                f'{must}: {control} of Pod Security "{held}", which namespace {namespace} {_DOES[mode]}',
                f"change it, or the namespace's label {PREFIX}{mode}",
                severity="error" if mode == "enforce" else "warning",
                rule="pod-security",
            )


_DOES = {"enforce": "enforces", "warn": "warns of", "audit": "audits"}
