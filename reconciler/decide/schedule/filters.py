"""Reasons against a node that hold for every pod of a version, whatever runs: cordon, taints, labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.decide.schedule.labels import ARCH
from reconciler.decide.survey import NodeView
from reconciler.model.placement import NodeSelectorRequirement, NodeSelectorTerm, Taint
from reconciler.model.pod import PodSpec

Refused = frozenset[str]
"""Architectures for which the image has no build."""


def against(view: NodeView, spec: PodSpec, refused: Refused) -> str:
    """Why this node can't take such a pod, as the end of "3 ..."; "" if it can."""
    for reason in FILTERS:
        found = reason(view, spec)
        if found:
            return found
    arch = view.state.facts.architecture
    return f"{arch} but the image has no build for {arch}" if arch in refused else ""


def misplaced(view: NodeView, spec: PodSpec) -> str:
    """Why the scheduler can't have put such a pod there, as `against` says it; "" if it can have. A node that
    was cordoned since keeps its pods.
    """
    lasting = (_node_name, _selector, _affinity, _taints)
    return next((found for reason in lasting if (found := reason(view, spec))), "")


def _status(view: NodeView, spec: PodSpec) -> str:
    return {
        "ready": "",
        "silent": "can't be reached",
        "lost": "can't be reached",
        "unknown": "not asked yet",
        "removed": "not in the inventory",
    }[view.status]


def _node_name(view: NodeView, spec: PodSpec) -> str:
    return f"not named {spec.node_name}" if spec.node_name and spec.node_name != view.name else ""


def _cordoned(view: NodeView, spec: PodSpec) -> str:
    return "cordoned" if view.spec and view.spec.unschedulable and not spec.node_name else ""


def _selector(view: NodeView, spec: PodSpec) -> str:
    for key, value in sorted(spec.node_selector.items()):
        found = view.labels.get(key)
        if found != value:
            return _mismatch(key, value, found)
    return ""


def _mismatch(key: str, value: str, found: str | None) -> str:
    if key == ARCH and found:
        return f"{found}, not {value}"
    return f"without the label {key}={value}"


def _affinity(view: NodeView, spec: PodSpec) -> str:
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    if required is None or any(term_matches(t, view) for t in required.node_selector_terms):
        return ""
    return "outside its nodeAffinity"


def _taints(view: NodeView, spec: PodSpec) -> str:
    for taint in view.spec.taints if view.spec else ():
        if taint.effect != "PreferNoSchedule" and not tolerated(taint, spec):
            return f"tainted {taint_text(taint)}"
    return ""


FILTERS: tuple[Callable[[NodeView, PodSpec], str], ...] = (
    _status,
    _node_name,
    _cordoned,
    _selector,
    _affinity,
    _taints,
)


def tolerated(taint: Taint, spec: PodSpec) -> bool:
    return any(t.tolerates(taint) for t in spec.tolerations)


def taint_text(taint: Taint) -> str:
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def term_matches(term: NodeSelectorTerm, view: NodeView) -> bool:
    """All requirements of the term hold; an empty term matches nothing (Kubernetes: NodeSelectorTerm)."""
    if not term.match_expressions and not term.match_fields:
        return False
    fields = {"metadata.name": view.name}
    return all(_holds(r, view.labels) for r in term.match_expressions) and all(
        _holds(r, fields) for r in term.match_fields
    )


def _holds(wanted: NodeSelectorRequirement, labels: Mapping[str, str]) -> bool:
    found = labels.get(wanted.key)
    match wanted.operator:
        case "In":
            return found in wanted.values
        case "NotIn":
            return found not in wanted.values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case "Gt" | "Lt":
            return _compares(wanted, found)


def _compares(wanted: NodeSelectorRequirement, found: str | None) -> bool:
    """Both as integers (Kubernetes: one value; what isn't an integer doesn't match)."""
    try:
        have, limit = int(found or ""), int(wanted.values[0])
    except (ValueError, IndexError):
        return False
    return have > limit if wanted.operator == "Gt" else have < limit


def preference(view: NodeView, spec: PodSpec) -> int:
    """The sum of the weights of the node preferences that this node satisfies."""
    terms = spec.affinity.node_affinity.preferred_during_scheduling_ignored_during_execution
    return sum(t.weight for t in terms if term_matches(t.preference, view))


def discouraged(view: NodeView, spec: PodSpec) -> int:
    """PreferNoSchedule taints that the pod doesn't tolerate."""
    taints = view.spec.taints if view.spec else ()
    return sum(1 for t in taints if t.effect == "PreferNoSchedule" and not tolerated(t, spec))
