"""Kubernetes' object metadata for what we show. The same object always gets the same words.

Nothing here comes from the time at which it is asked: a pass that finds no change shows no change.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any

from reconciler.model.meta import Key

Shown = dict[str, Any]
"""An object as the Kubernetes API shows it: apiVersion, kind, metadata, spec, status."""

_SPACE = uuid.UUID("6f1d0f0e-3c55-5c1e-9d5b-7d3c1f5b7a10")
"""Of our own choosing; it must never change, or every object's uid would."""

API_VERSIONS = {
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "Ingress": "networking.k8s.io/v1",
    "Rollout": "argoproj.io/v1alpha1",
    "AnalysisRun": "argoproj.io/v1alpha1",
}
"""Kinds that aren't in the core group, `v1`."""


def api_version(kind: str) -> str:
    return API_VERSIONS.get(kind, "v1")


def uid(fleet: str, key: Key) -> str:
    """From the fleet, kind, namespace and name: it survives the loss of all state."""
    return str(uuid.uuid5(_SPACE, "/".join((fleet, *key))))


def timestamp(at: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 in whole seconds, as Kubernetes' `metav1.Time`. None also where no
    calendar holds it: nodes tell of times, too.
    """
    try:
        return None if not at else datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return None


def time_of_day(at: float) -> str:
    """Of an instant in seconds since the epoch, by this machine's zone; empty when no calendar holds it."""
    try:
        return time.strftime("%H:%M:%S", time.localtime(at))
    except (OverflowError, OSError, ValueError):
        return ""


def metadata(
    fleet: str,
    key: Key,
    *,
    created_at: float | None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owner: Key | None = None,
    generation: int = 0,
) -> Shown:
    """`owner` becomes a controlling ownerReference."""
    return without_empty(
        {
            "name": key.name,
            "namespace": key.namespace,
            "uid": uid(fleet, key),
            "generation": generation,
            "creationTimestamp": timestamp(created_at),
            "labels": dict(labels or {}),
            "annotations": dict(annotations or {}),
            "ownerReferences": [_reference(fleet, owner)] if owner else [],
        }
    )


def condition(
    type_: str, status: bool | None, since: float | None, reason: str, message: str, **more: Any
) -> Shown:
    """`status` None is Kubernetes' Unknown; `since` is when it became so (epoch seconds)."""
    words = {True: "True", False: "False", None: "Unknown"}
    told = {"lastTransitionTime": timestamp(since), "reason": reason, "message": message, **more}
    return {"type": type_, "status": words[status], **without_empty(told)}


def without_empty(fields: Shown) -> Shown:
    """As Go's `omitempty`: no zero, no empty text, list or mapping. False stays."""
    return {k: v for k, v in fields.items() if v or v is False}


def _reference(fleet: str, owner: Key) -> Shown:
    return {
        "apiVersion": api_version(owner.kind),
        "kind": owner.kind,
        "name": owner.name,
        "uid": uid(fleet, owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }
