"""Rules about placement: tolerations, affinity terms and spread constraints that make sense."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import forms
from reconciler.manifests.said import Said
from reconciler.model.meta import LabelSelector
from reconciler.model.placement import (
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodAffinityTerm,
    Toleration,
)
from reconciler.model.pod import PodSpec


def check(spec: PodSpec, path: Path) -> Iterator[Said]:
    for index, toleration in enumerate(spec.tolerations):
        yield from _toleration(toleration, (*path, "tolerations", index))
    yield from _node_affinity(spec, (*path, "affinity", "nodeAffinity"))
    yield from _namespaces(spec, path)
    seen: set[tuple[str, str]] = set()
    for index, spread in enumerate(spec.topology_spread_constraints):
        key = (spread.topology_key, spread.when_unsatisfiable)
        if key in seen:
            message = (
                f"a second constraint spreads over {spread.topology_key} with {spread.when_unsatisfiable}"
            )
            at = (*path, "topologySpreadConstraints", index)
            yield Said(at, message, "keep one of the two", rule="duplicate")
        seen.add(key)


def _toleration(toleration: Toleration, path: Path) -> Iterator[Said]:
    if toleration.key:
        yield from forms.qualified(toleration.key, (*path, "key"))
    if toleration.operator == "Equal":
        yield from forms.label_value(toleration.value, (*path, "value"))
    if not toleration.key and toleration.operator != "Exists":
        message = "expected Exists when there is no key"
        yield Said((*path, "operator"), message, "name a key, or write operator: Exists", rule="toleration")
    if toleration.operator == "Exists" and toleration.value:
        message = "isn't allowed with operator Exists"
        yield Said((*path, "value"), message, "remove it, or write operator: Equal", rule="toleration")
    if toleration.toleration_seconds is not None and toleration.effect != "NoExecute":
        message = "is for the effect NoExecute only"
        yield Said((*path, "tolerationSeconds"), message, "write effect: NoExecute", rule="toleration")


NAMESPACE_NAME = "kubernetes.io/metadata.name"


def _namespaces(spec: PodSpec, path: Path) -> Iterator[Said]:
    """A namespace has one label here, the one with its name: no other would ever select it."""
    for kind, affinity in (
        ("podAffinity", spec.affinity.pod_affinity),
        ("podAntiAffinity", spec.affinity.pod_anti_affinity),
    ):
        at = (*path, "affinity", kind)
        must = affinity.required_during_scheduling_ignored_during_execution
        like = affinity.preferred_during_scheduling_ignored_during_execution
        for index, term in enumerate(must):
            where = (*at, "requiredDuringSchedulingIgnoredDuringExecution", index)
            yield from _by_name(term, (*where, "namespaceSelector"))
        for index, weighted in enumerate(like):
            where = (*at, "preferredDuringSchedulingIgnoredDuringExecution", index, "podAffinityTerm")
            yield from _by_name(weighted.pod_affinity_term, (*where, "namespaceSelector"))


def _by_name(term: PodAffinityTerm, path: Path) -> Iterator[Said]:
    selector = term.namespace_selector or LabelSelector()
    keys = {*selector.match_labels, *(e.key for e in selector.match_expressions)} - {NAMESPACE_NAME}
    if keys:
        message = f"selects namespaces by {', '.join(sorted(keys))}, and they are known by name only"
        yield Said(path, message, f"use {NAMESPACE_NAME}, or namespaces", rule="unsupported")


def _node_affinity(spec: PodSpec, path: Path) -> Iterator[Said]:
    affinity = spec.affinity.node_affinity
    required = affinity.required_during_scheduling_ignored_during_execution
    where = (*path, "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
    for index, term in enumerate(required.node_selector_terms if required else ()):
        yield from _term(term, (*where, index))
    preferred = (*path, "preferredDuringSchedulingIgnoredDuringExecution")
    for index, choice in enumerate(affinity.preferred_during_scheduling_ignored_during_execution):
        yield from _term(choice.preference, (*preferred, index, "preference"))


def _term(term: NodeSelectorTerm, path: Path) -> Iterator[Said]:
    for index, requirement in enumerate(term.match_expressions):
        yield from _requirement(requirement, (*path, "matchExpressions", index))
    for index, requirement in enumerate(term.match_fields):
        at = (*path, "matchFields", index)
        yield from _requirement(requirement, at)
        if requirement.key != "metadata.name":
            message = f'expected metadata.name, found "{requirement.key}"'
            yield Said((*at, "key"), message, "nodes have no other field to match", rule="selector")


def _requirement(requirement: NodeSelectorRequirement, path: Path) -> Iterator[Said]:
    """In, NotIn: one value or more; Exists, DoesNotExist: none; Gt, Lt: one integer."""
    count = len(requirement.values)
    at = (*path, "values")
    match requirement.operator:
        case "In" | "NotIn":
            if count == 0:
                message = f"expected at least one value for {requirement.operator}, found none"
                yield Said(at, message, "add one", rule="selector")
        case "Exists" | "DoesNotExist":
            if count:
                message = f"expected no values for {requirement.operator}, found {count}"
                yield Said(at, message, "remove them", rule="selector")
        case "Gt" | "Lt":
            if count != 1 or not requirement.values[0].lstrip("-").isdigit():
                message = f"expected one integer for {requirement.operator}"
                yield Said(at, message, 'write it as ["4"]', rule="selector")
