"""Names and labels of the Docker objects that make up a pod. Pure.

The parts of a name are joined by `_`, which no Kubernetes name contains: a name is never ambiguous, and
it never looks like the hexadecimal ID of another container (Docker accepts ID prefixes wherever it takes
a name).
"""

from __future__ import annotations

import json

import msgspec

from reconciler.model import labels
from reconciler.model.observed import PodRecord, Role

HELPER_NAME = "files"
"""The never-started container through which a pod's volumes are filled; it holds the place of no
container.
"""


HELPER_ROLE = "helper"
"""Its ROLE label: it is none of the pod's containers."""


def container_name(fleet: str, namespace: str, pod: str, container: str) -> str:
    """`home_default_web-7f9c-x_app`."""
    return f"{fleet}_{namespace}_{pod}_{container}"


def sandbox_name(fleet: str, namespace: str, pod: str) -> str:
    """`_` before it: a container of the pod may be called `sandbox` itself."""
    return container_name(fleet, namespace, pod, f"_{labels.SANDBOX_NAME}")


def helper_name(fleet: str, namespace: str, pod: str) -> str:
    return container_name(fleet, namespace, pod, f"_{HELPER_NAME}")


def volume_name(fleet: str, namespace: str, pod: str, volume: str, part: str = "") -> str:
    """`part` tells apart several Docker volumes that serve one volume of the pod."""
    name = container_name(fleet, namespace, pod, volume)
    return f"{name}_{part}" if part else name


def network_name(fleet: str) -> str:
    return f"{fleet}_pods"


def object_labels(fleet: str, record: PodRecord) -> dict[str, str]:
    """On every container and volume of a pod: enough to rebuild it."""
    return {
        labels.FLEET: fleet,
        labels.NAMESPACE: record.namespace,
        labels.POD: record.name,
        labels.OWNER: f"{record.owner.kind}/{record.owner.name}",
        labels.TEMPLATE_HASH: record.template_hash,
        labels.REVISION: record.revision,
        labels.SPEC: msgspec.json.encode(record).decode(),
    }


def container_labels(fleet: str, record: PodRecord, container: str, role: Role | str) -> dict[str, str]:
    return {**object_labels(fleet, record), labels.CONTAINER: container, labels.ROLE: role}


def label_filter(fleet: str, **wanted: str) -> str:
    """The `filters` parameter for listings: our fleet and, where given, `namespace`, `pod`."""
    keys = {"namespace": labels.NAMESPACE, "pod": labels.POD}
    pairs = [f"{labels.FLEET}={fleet}", *(f"{keys[k]}={v}" for k, v in wanted.items())]
    return json.dumps({"label": pairs})
