"""Is what an ACME server wants to read there to be read? Pure.

Asked too early, the server finds nothing, and counts that against its limits.
"""

from __future__ import annotations

from reconciler.decide.schedule.labels import node_labels
from reconciler.model.desired import Desired
from reconciler.model.labels import INGRESS_NODE
from reconciler.model.observed import NodeState, Observed


def in_force(desired: Desired, observed: Observed) -> bool:
    """Every node that serves Ingresses and can be reached serves the challenges; and there is such a node."""
    found = [(spec, observed.nodes.get(spec.name)) for spec in desired.fleet.spec.nodes]
    known = [(state, node_labels(spec, state).get(INGRESS_NODE) == "true") for spec, state in found if state]
    labelled = [state for state, door in known if door]
    doors = [state for state in labelled or [state for state, _ in known] if state.reachable]
    return bool(doors) and all(_serves(state, desired) for state in doors)


def _serves(state: NodeState, desired: Desired) -> bool:
    found = state.traffic.ingress if state.traffic is not None else None
    return found is not None and set(desired.challenges) <= set(found.challenges)
