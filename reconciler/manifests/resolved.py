"""Rollouts with the template of the Deployment that their `workloadRef` names."""

from __future__ import annotations

from msgspec.structs import replace

from reconciler.manifests.delivered import workload_of
from reconciler.model.kinds import Workload
from reconciler.model.meta import Key, LabelSelector
from reconciler.model.rollout import Rollout
from reconciler.model.workload import Deployment

Known = dict[Key, tuple[Rollout, Deployment, Rollout]]
"""Rollout, Deployment and what they came to, from the revision before."""


def resolved(workloads: dict[Key, Workload], known: Known) -> tuple[dict[Key, Workload], Known]:
    """The same workloads; the same two objects as before come to the same object as before.

    A Rollout whose Deployment isn't there is left out: it has no pods that it could want. Validation
    has said so, and where not everything was read, nothing is pruned.
    """
    out: dict[Key, Workload] = {}
    now: Known = {}
    for key, item in workloads.items():
        if not isinstance(item, Rollout) or item.spec.workload_ref is None:
            out[key] = item
            continue
        source = workloads.get(workload_of(item))
        if not isinstance(source, Deployment):
            continue
        before = known.get(key)
        if before is None or before[0] is not item or before[1] is not source:
            before = item, source, _joined(item, source)
        now[key] = before
        out[key] = before[2]
    return out, now


def _joined(item: Rollout, source: Deployment) -> Rollout:
    """A selector of its own stays."""
    own = item.spec.selector
    selector = source.spec.selector if own == LabelSelector() else own
    return replace(item, spec=replace(item.spec, template=source.spec.template, selector=selector))
