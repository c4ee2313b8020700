"""Rules about workloads: selector and template, strategy and deadlines."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.rules import metadata, pods, shares, strategies
from reconciler.manifests.said import Said, shown
from reconciler.model.meta import LabelSelector, LabelSelectorRequirement
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController

Controller = Deployment | ReplicaSet | ReplicationController | Rollout
_TEMPLATE = ("spec", "template")


def check(item: Deployment | ReplicaSet | ReplicationController) -> Iterator[Said]:
    yield from template(item)
    if isinstance(item, Deployment):
        yield from _strategy(item)
        yield from deadline(item)
        yield from strategies.annotated(item)


def template(item: Controller) -> Iterator[Said]:
    """Everything about the pods that it makes, and how it finds them."""
    template = item.spec.template
    yield from _template_names(item)
    yield from metadata.of_meta(template.metadata, (*_TEMPLATE, "metadata"))
    yield from metadata.of_pod(template.metadata, (*_TEMPLATE, "metadata"))
    yield from _selector(item)
    if template.spec.restart_policy != "Always":
        yield Said(
            (*_TEMPLATE, "spec", "restartPolicy"),
            f"expected Always, found {template.spec.restart_policy}",
            f"a {item.kind} keeps its pods running; remove the field",
            rule="restart-policy",
        )
    yield from pods.check(template.spec, (*_TEMPLATE, "spec"))


def _template_names(item: Controller) -> Iterator[Said]:
    meta = item.spec.template.metadata
    if meta.name:
        why = f"has no effect: the pods of a {item.kind} are named after it"
        yield Said((*_TEMPLATE, "metadata", "name"), why, severity="note", rule="no-effect")
    if meta.namespace not in ("", item.metadata.namespace):
        yield Said(
            (*_TEMPLATE, "metadata", "namespace"),
            f"expected {item.metadata.namespace}, found {shown(meta.namespace)}",
            f"pods live in their {item.kind}'s namespace; remove the field",
            rule="name",
        )
    elif meta.namespace:
        why = f"has no effect: pods live in their {item.kind}'s namespace"
        yield Said((*_TEMPLATE, "metadata", "namespace"), why, severity="note", rule="no-effect")


def _selector(item: Controller) -> Iterator[Said]:
    path = ("spec", "selector")
    labels = item.spec.template.metadata.labels
    selector = item.spec.selector
    if not isinstance(selector, LabelSelector):
        selector = LabelSelector(match_labels=selector or labels)
    if not selector.match_labels and not selector.match_expressions:
        yield Said(
            path, "is empty, and would select every pod", "name a label of the template", rule="selector"
        )
        return
    plain = path if not isinstance(item.spec.selector, LabelSelector) else (*path, "matchLabels")
    for key, value in selector.match_labels.items():
        if labels.get(key) != value:
            found = f"{key}={labels[key]}" if key in labels else f"no label {key}"
            yield Said(
                (*plain, key),
                f"selects {key}={value}, but the template has {found}",
                "give spec.template.metadata.labels the same label",
                rule="selector",
            )
    for index, expression in enumerate(selector.match_expressions):
        where = (*path, "matchExpressions", index)
        yield from operator(expression, where)
        if not expression.matches(labels):
            message = "doesn't match the labels of the template"
            yield Said(where, message, "change one of the two", rule="selector")


def operator(expression: LabelSelectorRequirement, path: tuple[str | int, ...]) -> Iterator[Said]:
    """In and NotIn need values; Exists and DoesNotExist have none."""
    wants = expression.operator in ("In", "NotIn")
    if wants != bool(expression.values):
        expected = "at least one value" if wants else "no values"
        yield Said(
            (*path, "values"),
            f"expected {expected} for {expression.operator}, found {len(expression.values)}",
            "add one" if wants else "remove them",
            rule="selector",
        )


def _strategy(item: Deployment) -> Iterator[Said]:
    strategy = item.spec.strategy
    rolling = strategy.rolling_update
    path = ("spec", "strategy", "rollingUpdate")
    if rolling and strategy.type == "Recreate":
        message = "isn't allowed with type Recreate"
        yield Said(path, message, "remove it, or write type: RollingUpdate", rule="strategy")
    elif rolling and shares.zero(rolling.max_surge) and shares.zero(rolling.max_unavailable):
        message = "maxSurge and maxUnavailable are both 0, so no pod could ever be replaced"
        yield Said(path, message, "set one of the two to 1", rule="strategy")


def deadline(item: Deployment | Rollout) -> Iterator[Said]:
    if item.spec.progress_deadline_seconds <= item.spec.min_ready_seconds:
        yield Said(
            ("spec", "progressDeadlineSeconds"),
            f"expected more than minReadySeconds ({item.spec.min_ready_seconds}), "
            f"found {item.spec.progress_deadline_seconds}",
            "make it longer: no pod could become available in time",
            rule="strategy",
        )
