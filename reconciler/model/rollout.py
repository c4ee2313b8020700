"""Rollout (argoproj.io/v1alpha1): a Deployment with blue-green and canary, as Argo Rollouts defines it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from reconciler.model.base import Model
from reconciler.model.meta import Key, LabelSelector, ObjectMeta
from reconciler.model.names import HEADER_NAME, Annotations, DNSSubdomain, Int64, Labels, Seconds
from reconciler.model.pod import PodSpec, PodTemplate
from reconciler.model.workload import Count, Deadline, Share, Surge

HASH_LABEL = "rollouts-pod-template-hash"
"""On every pod of a Rollout: its version."""

Weight = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A share of the traffic, out of `maxTrafficWeight` (100)."""

NO_TEMPLATE = PodTemplate(spec=PodSpec(containers=()))
"""Where `workloadRef` names the Deployment whose template it is."""


class WorkloadRef(Model):
    """The Deployment that the pod template is taken from. `scaleDown` says what becomes of its own pods."""

    name: DNSSubdomain
    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    scale_down: Literal["never", "onsuccess", "progressively"] = "never"


class RollbackWindow(Model):
    """How many of the versions that were stable before are gone back to without steps and analysis."""

    revisions: Count = 0


class EphemeralMetadata(Model):
    """What pods have besides their template's, as long as they play one part."""

    labels: Labels = {}
    annotations: Annotations = {}


class FieldRef(Model):
    field_path: str


class ArgumentValueFrom(Model):
    """`podTemplateHashValue`: the hash of the stable or of the newest version. `fieldRef`: a field of the
    Rollout.
    """

    pod_template_hash_value: Literal["Stable", "Latest"] | None = None
    field_ref: FieldRef | None = None


class AnalysisRunArgument(Model):
    name: str
    value: str | int | float | bool = ""
    value_from: ArgumentValueFrom | None = None


class AnalysisTemplateRef(Model):
    template_name: DNSSubdomain
    cluster_scope: bool = False

    def key(self, namespace: str) -> Key:
        """Of the template that is named from this namespace."""
        if self.cluster_scope:
            return Key("ClusterAnalysisTemplate", "", self.template_name)
        return Key("AnalysisTemplate", namespace, self.template_name)


class DryRun(Model):
    """`metricName` is a regular expression; what it matches is measured and doesn't count."""

    metric_name: str


class MeasurementRetention(Model):
    metric_name: str
    limit: Count = 0


class RolloutAnalysis(Model):
    """Which templates make up a run, and with which arguments."""

    templates: tuple[AnalysisTemplateRef, ...] = ()
    args: tuple[AnalysisRunArgument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    analysis_run_metadata: EphemeralMetadata | None = None


class BackgroundAnalysis(RolloutAnalysis):
    """Runs beside the steps, from `startingStep` on (counted from 0)."""

    starting_step: Count | None = None


class Pause(Model):
    """For ever without a `duration`; a number is seconds, text has a unit or is seconds, too."""

    duration: Int64 | str | None = None


class SetCanaryScale(Model):
    """How many canary pods there are, whatever the weight: one of the three."""

    replicas: Count | None = None
    weight: Annotated[int, Meta(ge=0, le=100)] | None = None
    match_traffic_weight: bool = False


class StringMatch(Model):
    """Exactly one of the three."""

    exact: str = ""
    prefix: str = ""
    regex: str = ""


class HeaderRoutingMatch(Model):
    header_name: Annotated[str, Meta(pattern=HEADER_NAME)]
    header_value: StringMatch


class SetHeaderRoute(Model):
    """Requests that match every one go to the canary; without any match the route of that name ends."""

    name: str
    match: tuple[HeaderRoutingMatch, ...] = ()


class ReplicaProgressThreshold(Model):
    """How many of the canary's pods must be available for a step to count as done; beside the steps, also for
    the promotion after the last one, which takes at least one pod.
    """

    type: Literal["Percent", "Pods", "Pod"]
    value: Count


class CanaryStep(Model):
    """Exactly one of these."""

    set_weight: Weight | None = None
    pause: Pause | None = None
    set_canary_scale: SetCanaryScale | None = None
    analysis: RolloutAnalysis | None = None
    set_header_route: SetHeaderRoute | None = None
    replica_progress_threshold: ReplicaProgressThreshold | None = None


class NginxTrafficRouting(Model):
    """The Ingresses in front of `stableService` whose requests are split."""

    stable_ingress: str = ""
    stable_ingresses: tuple[str, ...] = ()
    annotation_prefix: str = ""
    additional_ingress_annotations: Annotations = {}
    canary_ingress_annotations: Annotations = {}

    @property
    def ingresses(self) -> tuple[str, ...]:
        return ((self.stable_ingress,) if self.stable_ingress else ()) + self.stable_ingresses


class ManagedRoute(Model):
    """A name that a `setHeaderRoute` step may use."""

    name: str


class TrafficRouting(Model):
    """Our own proxy splits the traffic. `nginx` says at which Ingresses; without it, at every one that leads
    to `stableService`.
    """

    nginx: NginxTrafficRouting | None = None
    managed_routes: tuple[ManagedRoute, ...] = ()
    max_traffic_weight: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 100


class BlueGreenStrategy(Model):
    """Two whole sets; `activeService` leads to one of them, `previewService` to the newest."""

    active_service: DNSSubdomain
    preview_service: DNSSubdomain | Literal[""] = ""
    preview_replica_count: Count | None = None
    auto_promotion_enabled: bool = True
    auto_promotion_seconds: Seconds = 0
    max_unavailable: Share = 0
    scale_down_delay_seconds: Seconds = 30
    scale_down_delay_revision_limit: Count | None = None
    abort_scale_down_delay_seconds: Seconds = 30
    """0: the new set of an aborted update stays."""
    pre_promotion_analysis: RolloutAnalysis | None = None
    post_promotion_analysis: RolloutAnalysis | None = None
    active_metadata: EphemeralMetadata | None = None
    preview_metadata: EphemeralMetadata | None = None


class CanaryStrategy(Model):
    """Step by step. With `trafficRouting` both sets are scaled by themselves, without it they share
    `replicas`.
    """

    steps: tuple[CanaryStep, ...] = ()
    canary_service: DNSSubdomain | Literal[""] = ""
    stable_service: DNSSubdomain | Literal[""] = ""
    traffic_routing: TrafficRouting | None = None
    max_surge: Surge = "25%"
    max_unavailable: Share = "25%"
    analysis: BackgroundAnalysis | None = None
    canary_metadata: EphemeralMetadata | None = None
    stable_metadata: EphemeralMetadata | None = None
    scale_down_delay_seconds: Seconds = 30
    scale_down_delay_revision_limit: Count | None = None
    abort_scale_down_delay_seconds: Seconds | None = None
    """Left out: 30; 0: the canary of an aborted update stays."""
    dynamic_stable_scale: bool = False
    min_pods_per_replica_set: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1
    replica_progress_threshold: ReplicaProgressThreshold | None = None


class RolloutStrategy(Model):
    """One of the two; an empty canary is a rolling update."""

    blue_green: BlueGreenStrategy | None = None
    canary: CanaryStrategy | None = None

    @property
    def services(self) -> frozenset[str]:
        """Names of the Services that it moves from version to version."""
        blue, canary = self.blue_green, self.canary
        named = [blue.active_service, blue.preview_service] if blue else []
        named += [canary.canary_service, canary.stable_service] if canary else []
        return frozenset(name for name in named if name)


class AnalysisHistory(Model):
    """How many ended runs are kept."""

    successful_run_history_limit: Count = 5
    unsuccessful_run_history_limit: Count = 5


class RolloutSpec(Model):
    """After loading, `template` and `selector` are there also where `workloadRef` stands."""

    strategy: RolloutStrategy
    selector: LabelSelector = LabelSelector()
    template: PodTemplate = NO_TEMPLATE
    workload_ref: WorkloadRef | None = None
    replicas: Count = 1
    min_ready_seconds: Count = 0
    progress_deadline_seconds: Deadline = 600
    progress_deadline_abort: bool = False
    revision_history_limit: Count = 10
    rollback_window: RollbackWindow | None = None
    restart_at: str = ""
    """RFC 3339. Pods that are older are replaced, one after the other."""
    paused: bool = False
    analysis: AnalysisHistory = AnalysisHistory()


class Rollout(Model):
    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["Rollout"]
    metadata: ObjectMeta
    spec: RolloutSpec
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)
