"""Rules about one Rollout alone. Source: Argo Rollouts' validation (ValidateRolloutSpec)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from reconciler.manifests.rules import strategies, workloads
from reconciler.manifests.said import Said, shown
from reconciler.model.rollout import NO_TEMPLATE, Rollout

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)", re.ASCII)


def check(item: Rollout) -> Iterator[Said]:
    has_template = item.spec.template != NO_TEMPLATE
    if item.spec.workload_ref and has_template:
        message = "excludes workloadRef: the template is the Deployment's"
        yield Said(("spec", "template"), message, "keep one of the two", rule="template")
    elif item.spec.workload_ref is None and not has_template:
        message = "is missing, expected a mapping"
        yield Said(("spec", "template"), message, "add template, or workloadRef", rule="required")
    elif has_template:
        yield from workloads.template(item)
    yield from workloads.deadline(item)
    yield from _restart(item.spec.restart_at)
    spec = item.spec
    yield from strategies.check(
        spec.strategy, ("spec", "strategy"), spec.revision_history_limit, spec.selector
    )


def _restart(text: str) -> Iterator[Said]:
    if not text:
        return
    try:
        good = bool(_RFC_3339.fullmatch(text)) and datetime.fromisoformat(text) is not None
    except ValueError:
        good = False
    if not good:
        message = f"expected a time with its zone, found {shown(text)}"
        yield Said(("spec", "restartAt"), message, 'write it as "2026-03-30T21:19:35Z"', rule="time")
