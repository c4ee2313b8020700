"""What a pod may know of itself: `fieldRef` and `resourceFieldRef`. Pure.

Source of the rules: Kubernetes, pkg/fieldpath and pkg/api/v1/resource (ExtractContainerResourceValue).
"""

from __future__ import annotations

import re
import uuid
from decimal import ROUND_CEILING, Decimal

from reconciler.engine.pods.unfit import Unfit
from reconciler.model.base import Value
from reconciler.model.container import Container, ResourceFieldSelector
from reconciler.model.fleet import LogsSpec
from reconciler.model.observed import NodeFacts, PodRecord
from reconciler.model.quantity import parse_quantity

_UIDS = uuid.UUID("6d1fd1ce-2c55-5c0f-8f3b-2a1b5c7f6b1e")
_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['([^']+)'\]$")


class Place(Value):
    """Where a pod runs: the fleet's and its pod network's Docker name, the node's IP and facts, and how the
    fleet keeps logs.

    `dns` is the fleet's name server, empty where spec.network is off, and `domain` what its names end in.
    """

    fleet: str
    network: str
    dns: str = ""
    domain: str = "cluster.local"
    host_ip: str = ""
    facts: NodeFacts = NodeFacts()
    logs: LogsSpec = LogsSpec()


def pod_uid(place: Place, record: PodRecord) -> str:
    """Stable over restarts of everything, different for another pod and another version of one."""
    name = f"{place.fleet}/{record.namespace}/{record.name}/{record.template_hash}"
    return str(uuid.uuid5(_UIDS, name))


def field_value(path: str, record: PodRecord, place: Place) -> str:
    """The value of a `fieldPath`; an absent label or annotation is empty. Raises `Unfit` for another path."""
    if subscript := _SUBSCRIPT.match(path):
        values = record.labels if subscript[1] == "labels" else record.annotations
        return values.get(subscript[2], "")
    pod_ip = place.host_ip if record.spec.host_network else record.ip
    known = {
        "metadata.name": record.name,
        "metadata.namespace": record.namespace,
        "metadata.uid": pod_uid(place, record),
        "metadata.labels": _lines(record.labels),
        "metadata.annotations": _lines(record.annotations),
        "spec.nodeName": record.node,
        "spec.serviceAccountName": record.spec.service_account_name or "default",
        "status.hostIP": place.host_ip,
        "status.hostIPs": place.host_ip,
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
    }
    if path not in known:
        raise Unfit(f'fieldPath "{path}" is unknown; known are {", ".join(known)}')
    return known[path]


def _lines(values: dict[str, str]) -> str:
    return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(values.items()))


def _quoted(text: str) -> str:
    """Go's %q for what labels and annotations hold."""
    swaps = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return '"' + "".join(swaps.get(c, c) for c in text) + '"'


def resource_value(
    reference: ResourceFieldSelector, container: Container, record: PodRecord, facts: NodeFacts
) -> str:
    """A request or limit in units of the divisor, rounded up; a missing limit is the node's capacity."""
    if reference.container_name:
        container = _named(reference.container_name, record)
    side, _, name = reference.resource.partition(".")
    need = container.resources
    if side == "limits":
        amount = need.limits.get(name, _capacity(name, facts))
    elif side == "requests":
        amount = need.requests.get(name, need.limits.get(name, 0))
    else:
        raise Unfit(f'resource "{reference.resource}" must begin with limits. or requests.')
    divisor = parse_quantity(reference.divisor) or Decimal(1)
    return str(int((parse_quantity(amount) / divisor).to_integral_value(ROUND_CEILING)))


def _capacity(name: str, facts: NodeFacts) -> str | int:
    known: dict[str, str | int] = {
        "cpu": f"{facts.cpu_milli}m",
        "memory": facts.memory,
        "ephemeral-storage": facts.disk_free or 0,
    }
    return known.get(name, 0)


def _named(name: str, record: PodRecord) -> Container:
    for container in record.spec.every_container():
        if container.name == name:
            return container
    raise Unfit(f'resourceFieldRef.containerName: no container "{name}" in the pod')
