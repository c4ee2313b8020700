"""AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun (argoproj.io/v1alpha1): how versions are judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from reconciler.model.base import Model
from reconciler.model.container import SecretKeySelector
from reconciler.model.meta import Key, ObjectMeta
from reconciler.model.names import HEADER_NAME, Int32, Int64
from reconciler.model.pod import PodTemplate
from reconciler.model.rollout import AnalysisTemplateRef, DryRun, FieldRef, MeasurementRetention
from reconciler.model.workload import Count

Amount = Int32 | str
"""A number; text where an argument stands for it: `"{{args.count}}"`."""

Duration = Annotated[str, Meta(title="Duration")]
"""As Go writes it (`30s`), or with arguments in it: `"{{args.interval}}"`."""


class ValueFrom(Model):
    secret_key_ref: SecretKeySelector | None = None
    field_ref: FieldRef | None = None


class Argument(Model):
    """`{{args.name}}` anywhere in a metric. Without a value it must be given where the template is used."""

    name: str
    value: str | int | float | bool | None = None
    value_from: ValueFrom | None = None


class WebHeader(Model):
    key: Annotated[str, Meta(pattern=HEADER_NAME)]
    value: str


class BasicAuth(Model):
    username: str = ""
    password: str = ""


class Authentication(Model):
    basic_auth: BasicAuth | None = None


class RangeQuery(Model):
    """Times as expressions: `now() - duration("5m")`; `step` as a duration."""

    start: str = ""
    end: str = ""
    step: Duration = ""


class PrometheusMetric(Model):
    """`result` is a list of numbers for a vector, one number for a scalar."""

    address: str
    query: str
    timeout: Int64 = 0
    """Seconds; 0: 30."""
    insecure: bool = False
    headers: tuple[WebHeader, ...] = ()
    authentication: Authentication | None = None
    range_query: RangeQuery | None = None


class WebMetric(Model):
    """`result` is what `jsonPath` finds in the answer, or the whole answer."""

    url: str
    method: Literal["GET", "POST", "PUT", ""] = "GET"
    headers: tuple[WebHeader, ...] = ()
    timeout_seconds: Amount = 10
    json_path: str = ""
    insecure: bool = False
    body: str = ""
    json_body: Any = None
    authentication: Authentication | None = None


class JobSpec(Model):
    """What of a Job matters to a measurement: it ends well, or it doesn't."""

    template: PodTemplate
    backoff_limit: Amount = 6
    active_deadline_seconds: Count | None = None
    parallelism: Literal[1] = 1
    completions: Literal[1] = 1
    ttl_seconds_after_finished: Count | None = None


class JobMetric(Model):
    spec: JobSpec
    metadata: ObjectMeta = ObjectMeta()


class HAProxyMetric(Model):
    """What our own proxies counted since the measurement before: `result.canary` and `result.stable`, each
    with `requests`, `errors`, `errorRate` (0 to 1), `requestRate` (per second) and `latency` (milliseconds).

    `service` narrows it to one; without it, every service of the Rollout counts. With fewer than
    `minRequests` to the canary the measurement is inconclusive.
    """

    service: str = ""
    min_requests: Amount = 1


class MetricProvider(Model):
    """Exactly one of these."""

    prometheus: PrometheusMetric | None = None
    web: WebMetric | None = None
    job: JobMetric | None = None
    haproxy: HAProxyMetric | None = None


class Metric(Model):
    """Argo Rollouts: without `interval` it is measured once, with `interval` and without `count` until the
    run is ended. `failureLimit` -1: failures don't count.
    """

    name: str
    provider: MetricProvider
    interval: Duration = ""
    initial_delay: Duration = ""
    count: Amount | None = None
    success_condition: str = ""
    failure_condition: str = ""
    failure_limit: Amount = 0
    inconclusive_limit: Amount = 0
    consecutive_error_limit: Amount = 4
    consecutive_success_limit: Amount = 0


class AnalysisTemplateSpec(Model):
    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    templates: tuple[AnalysisTemplateRef, ...] = ()


class AnalysisTemplate(Model):
    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["AnalysisTemplate"]
    metadata: ObjectMeta
    spec: AnalysisTemplateSpec

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)


class ClusterAnalysisTemplate(Model):
    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["ClusterAnalysisTemplate"]
    metadata: ObjectMeta
    spec: AnalysisTemplateSpec

    @property
    def key(self) -> Key:
        return Key(self.kind, "", self.metadata.name)


class TTLStrategy(Model):
    """When an ended run is forgotten."""

    seconds_after_completion: Count | None = None
    seconds_after_failure: Count | None = None
    seconds_after_success: Count | None = None


class AnalysisRunSpec(Model):
    """`terminate` ends it early."""

    metrics: tuple[Metric, ...] = ()
    args: tuple[Argument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    terminate: bool = False
    ttl_strategy: TTLStrategy | None = None


class AnalysisRun(Model):
    """From a file it runs once, until the file changes."""

    api_version: Literal["argoproj.io/v1alpha1"]
    kind: Literal["AnalysisRun"]
    metadata: ObjectMeta
    spec: AnalysisRunSpec
    status: dict[str, Any] = {}

    @property
    def key(self) -> Key:
        return Key(self.kind, self.metadata.namespace, self.metadata.name)
