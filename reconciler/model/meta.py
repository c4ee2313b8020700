"""Object metadata, keys and label selectors, as in Kubernetes' meta/v1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from msgspec import field

from reconciler.model.base import Model
from reconciler.model.names import (
    Annotations,
    DNSLabel,
    DNSSubdomain,
    Int64,
    Labels,
    LabelValue,
    QualifiedName,
)


class Key(NamedTuple):
    """The identity of an object in a fleet: `Deployment default/web`. Sorts by kind, namespace, name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


class OwnerReference(Model):
    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Model):
    """What users write, and what servers add and `kubectl get -o yaml` leaves in files (accepted, unused)."""

    name: DNSSubdomain = ""
    generate_name: str = ""
    namespace: DNSLabel = ""
    labels: Labels = {}
    annotations: Annotations = {}
    uid: str = ""
    resource_version: str = ""
    generation: Int64 = 0
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    deletion_grace_period_seconds: Int64 | None = None
    self_link: str = ""
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[OwnerReference, ...] = ()
    managed_fields: tuple[dict[str, Any], ...] = ()


class LabelSelectorRequirement(Model):
    key: QualifiedName
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[LabelValue, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        match self.operator:
            case "In":
                return self.key in labels and labels[self.key] in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels


class LabelSelector(Model):
    """Both parts must hold; an empty selector matches everything (Kubernetes: meta/v1 LabelSelector)."""

    match_labels: Labels = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = field(default=())

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(labels.get(k) == v for k, v in self.match_labels.items()) and all(
            e.matches(labels) for e in self.match_expressions
        )
