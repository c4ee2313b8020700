"""What a node can hold: what it says of itself, and the extended resources that nodes.yaml counts on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.model.fleet import NodeSpec
from reconciler.model.observed import NodeFacts

ANNOTATION = "reconciler.io/capacity"
"""On a node of nodes.yaml: what it has besides CPU and memory: `nvidia.com/gpu=1,example.com/stick=2`."""


class Capacity(NamedTuple):
    """What a node has, as last seen: CPU in millicores, memory in bytes."""

    cpu_milli: int
    memory: int


def capacity_of(facts: Mapping[str, NodeFacts]) -> dict[str, Capacity]:
    """By node name; a node that hasn't told yet isn't in it."""
    return {n: Capacity(f.cpu_milli, f.memory) for n, f in facts.items() if f.cpu_milli and f.memory}


def offered(node: NodeSpec) -> dict[str, int]:
    """The node's extended resources, from its annotation; entries that say nothing are left out."""
    pairs = (pair(part) for part in node.annotations.get(ANNOTATION, "").split(","))
    return dict(found for found in pairs if found is not None)


def pair(part: str) -> tuple[str, int] | None:
    """`nvidia.com/gpu=1` as name and count, None if it isn't that."""
    name, _, amount = part.strip().partition("=")
    return (name, int(amount)) if "/" in name and amount.isascii() and amount.isdigit() else None
