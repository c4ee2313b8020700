"""What is known of each field beyond its type: refused with a reason, or accepted with a note.

Every field of the models is either honoured or stands in NOTED; every other field of Kubernetes that
people write stands in REFUSED. A field that is in neither table and in no model is a misspelling.
"""

from __future__ import annotations

from typing import Any

from reconciler.manifests import network_fields, rollout_fields
from reconciler.model.base import Model
from reconciler.model.config import ConfigMap, Namespace, Secret
from reconciler.model.container import (
    Container,
    EnvVarSource,
    ResourceRequirements,
    VolumeMount,
)
from reconciler.model.meta import ObjectMeta, OwnerReference
from reconciler.model.placement import PodAffinityTerm, TopologySpreadConstraint
from reconciler.model.pod import Pod, PodSpec
from reconciler.model.security import PodSecurityContext, SecurityContext
from reconciler.model.volume import Volume, VolumeProjection
from reconciler.model.workload import Deployment, ReplicaSet, ReplicationController

_SERVER = "a server writes it; it has no meaning in a file"
_NO_API = "pods have no API server to log in to, so there are no service accounts and tokens"
_NO_PRIORITY = "pods don't preempt each other here"
_NO_OWNER = "an object that Git holds has no owner"
_GIT = "Git alone says what it holds"
_STATUS = "the reconciler works it out; what the file says isn't read"

NOTED: dict[type[Model], dict[str, str]] = {
    ObjectMeta: {
        "uid": _SERVER,
        "resource_version": _SERVER,
        "generation": _SERVER,
        "creation_timestamp": _SERVER,
        "deletion_timestamp": _SERVER,
        "deletion_grace_period_seconds": _SERVER,
        "self_link": _SERVER,
        "managed_fields": _SERVER,
        "generate_name": "names stay the same from commit to commit; an AnalysisRun gets one from its spec",
        "finalizers": "nothing here waits for finalizers",
        "owner_references": _NO_OWNER,
    },
    OwnerReference: dict.fromkeys(OwnerReference.__struct_fields__, _NO_OWNER),
    PodSpec: {
        "service_account_name": _NO_API,
        "service_account": _NO_API,
        "automount_service_account_token": _NO_API,
        "enable_service_links": "pods find services by DNS; no variables are made for them",
        "priority_class_name": _NO_PRIORITY,
        "priority": _NO_PRIORITY,
        "preemption_policy": _NO_PRIORITY,
        "scheduler_name": "there is one scheduler, the reconciler's",
        "host_users": "user namespaces are a setting of the node's Docker Engine, not of a pod",
    },
    PodSecurityContext: {
        "fs_group_change_policy": "volumes get their group once, when they are made",
        "supplemental_groups_policy": "the image's own groups are kept, as with Merge",
    },
    Container: {
        "termination_message_path": "the exit code and the last log lines are shown instead",
        "termination_message_policy": "the exit code and the last log lines are shown instead",
    },
    ConfigMap: {"immutable": _GIT},
    Secret: {"immutable": _GIT},
    Namespace: {
        "spec": "namespaces need no finalizers here",
        "status": _STATUS,
    },
    Pod: {"status": _STATUS},
    Deployment: {"status": _STATUS},
    ReplicaSet: {"status": _STATUS},
    ReplicationController: {"status": _STATUS},
    **network_fields.NOTED,
    **rollout_fields.NOTED,
}
"""Accepted with one note when it is set to something else than its default. Python names."""

_LATER = "not supported yet"
_CLOUD = "a cloud's or cluster's volume; use nfs or hostPath"
_DRA = "dynamic resource allocation needs a cluster's drivers"
_WINDOWS = "nodes run Linux"

REFUSED: dict[type[Model], dict[str, str]] = {
    ObjectMeta: {
        "clusterName": "Kubernetes removed it in 1.24",
    },
    PodSpec: {
        "activeDeadlineSeconds": "pods that end at a deadline come with Job, " + _LATER,
        "ephemeralContainers": "they are added to running pods with kubectl debug, never from a file",
        "overhead": "it belongs to RuntimeClass, " + _LATER,
        "readinessGates": "nothing here sets pod conditions from outside",
        "resourceClaims": _DRA,
        "resources": "resources of a whole pod are " + _LATER + "; set them on its containers",
        "schedulingGates": "nothing here would remove them",
        "hostnameOverride": _LATER + "; use hostname",
        "workloadRef": "gang scheduling is " + _LATER,
    },
    Container: {
        "volumeDevices": "raw block devices come with PersistentVolumeClaim, " + _LATER,
        "resizePolicy": "containers are replaced to change their resources",
        "restartPolicyRules": _LATER,
    },
    ResourceRequirements: {"claims": _DRA},
    VolumeMount: {"recursiveReadOnly": _LATER + "; use readOnly"},
    EnvVarSource: {"fileKeyRef": "variables from files of a volume are " + _LATER},
    SecurityContext: {"windowsOptions": _WINDOWS},
    PodSecurityContext: {
        "windowsOptions": _WINDOWS,
        "seLinuxChangePolicy": "SELinux labels are set by Docker when it mounts",
    },
    TopologySpreadConstraint: {
        "minDomains": _LATER,
        "matchLabelKeys": _LATER + "; use labelSelector",
        "nodeAffinityPolicy": _LATER,
        "nodeTaintsPolicy": _LATER,
    },
    PodAffinityTerm: {
        "matchLabelKeys": _LATER + "; use labelSelector",
        "mismatchLabelKeys": _LATER + "; use labelSelector",
    },
    VolumeProjection: {
        "serviceAccountToken": _NO_API,
        "clusterTrustBundle": "it comes from an API server, and there is none",
        "podCertificate": "it comes from an API server, and there is none",
    },
    Volume: {
        "persistentVolumeClaim": "it comes with PersistentVolumeClaim, "
        + _LATER
        + "; use hostPath with a nodeSelector, or nfs",
        "ephemeral": "it comes with PersistentVolumeClaim, " + _LATER + "; use emptyDir",
        "csi": "CSI drivers need a cluster; use nfs or hostPath",
        "image": "images as volumes are " + _LATER,
        **dict.fromkeys(
            (
                "awsElasticBlockStore",
                "azureDisk",
                "azureFile",
                "cephfs",
                "cinder",
                "fc",
                "flexVolume",
                "flocker",
                "gcePersistentDisk",
                "glusterfs",
                "iscsi",
                "photonPersistentDisk",
                "portworxVolume",
                "quobyte",
                "rbd",
                "scaleIO",
                "storageos",
                "vsphereVolume",
            ),
            _CLOUD,
        ),
        "gitRepo": "Kubernetes gave it up for being unsafe; clone in an init container",
    },
    **network_fields.REFUSED,
    **rollout_fields.REFUSED,
}
"""Exists in Kubernetes and is an error here, and why. JSON names."""

REFUSED_BY_NAME = {kind.__name__: fields for kind, fields in REFUSED.items()}
"""The same by the name of the model, which is the title of its schema."""

REMEDIES_BY_NAME = {kind.__name__: fields for kind, fields in rollout_fields.REMEDIES.items()}
"""What to write instead, where more can be said than "remove the field"."""


def _noted(kind: type[Model]) -> tuple[tuple[str, str, Any], ...]:
    """(Python name, JSON name, default) of a struct's noted fields.

    From the class's own tuples: `msgspec.structs.fields` resolves every annotation, 20 ms for these.
    """
    defaults = kind.__struct_defaults__
    first = len(kind.__struct_fields__) - len(defaults)
    names = zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
    return tuple(
        (name, json_name, _default(defaults[index - first]))
        for index, (name, json_name) in enumerate(names)
        if index >= first and name in NOTED[kind]
    )


def _default(default: Any) -> Any:
    """A mutable default, such as a dict, is kept as its factory."""
    factory = getattr(default, "factory", None)
    return default if factory is None else factory()


_DEFAULTS = {kind: _noted(kind) for kind in NOTED}


def noted(value: Model) -> list[tuple[str, str]]:
    """(JSON name, why) of each noted field of this one struct that says something else than its default."""
    return [
        (json_name, NOTED[type(value)][name])
        for name, json_name, default in _DEFAULTS.get(type(value), ())
        if getattr(value, name) != default
    ]
