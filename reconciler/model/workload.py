"""Workloads that keep a number of pods: Deployment, ReplicaSet (apps/v1), ReplicationController (v1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from reconciler.model.base import Model
from reconciler.model.meta import Key, LabelSelector, ObjectMeta
from reconciler.model.names import ANY_PERCENTAGE, PERCENTAGE, Labels
from reconciler.model.pod import PodTemplate

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Deadline = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Share = Annotated[int, Meta(ge=0, le=2**31 - 1)] | Annotated[str, Meta(pattern=PERCENTAGE)]
"""A number of pods, or a percentage of them: `1`, `25%`."""
Surge = Annotated[int, Meta(ge=0, le=2**31 - 1)] | Annotated[str, Meta(pattern=ANY_PERCENTAGE)]
"""The same; more than all of them is allowed, as in Kubernetes: `200%`."""


class RollingUpdate(Model):
    max_unavailable: Share = "25%"
    max_surge: Surge = "25%"


class DeploymentStrategy(Model):
    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(Model):
    selector: LabelSelector
    template: PodTemplate
    replicas: Count = 1
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: Count = 0
    progress_deadline_seconds: Deadline = 600
    revision_history_limit: Count = 10
    paused: bool = False


class Deployment(Model):
    api_version: Literal["apps/v1"]
    kind: Literal["Deployment"]
    metadata: ObjectMeta
    spec: DeploymentSpec
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)


class ReplicaSetSpec(Model):
    selector: LabelSelector
    template: PodTemplate
    replicas: Count = 1
    min_ready_seconds: Count = 0


class ReplicaSet(Model):
    api_version: Literal["apps/v1"]
    kind: Literal["ReplicaSet"]
    metadata: ObjectMeta
    spec: ReplicaSetSpec
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)


class ReplicationControllerSpec(Model):
    """The selector is a plain label map; left out, it is the template's labels."""

    template: PodTemplate
    selector: Labels = {}
    replicas: Count = 1
    min_ready_seconds: Count = 0


class ReplicationController(Model):
    api_version: Literal["v1"]
    kind: Literal["ReplicationController"]
    metadata: ObjectMeta
    spec: ReplicationControllerSpec
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)
