"""Containers that Docker has forgotten and whose end is recorded on the node (`pods.records`). Pure."""

from __future__ import annotations

from reconciler.model.observed import ContainerState, Ending, PodRecord


def of_this_pod(record: PodRecord, ending: Ending | None) -> Ending | None:
    """`ending`, unless it is of an earlier pod of that name."""
    same = ending is not None and ending.record.template_hash == record.template_hash
    return ending if same else None


def remembered(states: tuple[ContainerState, ...], ending: Ending | None) -> tuple[ContainerState, ...]:
    """`states`, with the recorded ones in place of those that aren't there any more."""
    if ending is None:
        return states
    known = {c.name: c for c in ending.containers}
    return tuple(known.get(c.name, c) if c.state == "absent" else c for c in states)
