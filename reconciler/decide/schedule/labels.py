"""A node's labels: what it says of itself, then what the inventory says."""

from __future__ import annotations

from reconciler.model.fleet import NodeSpec
from reconciler.model.observed import NodeState

HOSTNAME = "kubernetes.io/hostname"
ARCH = "kubernetes.io/arch"
OS = "kubernetes.io/os"


def node_labels(spec: NodeSpec, state: NodeState) -> dict[str, str]:
    """Sorted by key. The inventory wins; `kubernetes.io/hostname` is the node's name in it.

    A node that was never reached has only what the inventory says and its name.
    Source: kubernetes.io/docs/reference/labels-annotations-taints.
    """
    facts = state.facts
    own = {HOSTNAME: spec.name}
    if state.reachable or facts.cpu_milli:
        own |= {ARCH: facts.architecture, OS: facts.os}
        own |= {"beta.kubernetes.io/arch": facts.architecture, "beta.kubernetes.io/os": facts.os}
    return dict(sorted((own | state.labels | spec.labels).items()))
