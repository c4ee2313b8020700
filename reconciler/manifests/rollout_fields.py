"""What `fields` says of Argo Rollouts' kinds: its tables' part for rollouts and analyses."""

from __future__ import annotations

from reconciler.model.analysis import AnalysisRun, Authentication, JobSpec, MetricProvider
from reconciler.model.base import Model
from reconciler.model.rollout import (
    BackgroundAnalysis,
    BlueGreenStrategy,
    CanaryStep,
    CanaryStrategy,
    NginxTrafficRouting,
    Rollout,
    RolloutAnalysis,
    TrafficRouting,
)

_STATUS = "the reconciler works it out; what the file says isn't read"
_NO_LABELS = "nothing looks runs up by their labels"
_OWN_PROXY = "the reconciler's own proxy splits the traffic; no Ingress is made for it"

NOTED: dict[type[Model], dict[str, str]] = {
    Rollout: {"status": _STATUS},
    AnalysisRun: {"status": _STATUS},
    BackgroundAnalysis: {"analysis_run_metadata": _NO_LABELS},
    NginxTrafficRouting: {
        "annotation_prefix": _OWN_PROXY,
        "additional_ingress_annotations": _OWN_PROXY,
        "canary_ingress_annotations": _OWN_PROXY,
    },
    RolloutAnalysis: {"analysis_run_metadata": _NO_LABELS},
    JobSpec: {"ttl_seconds_after_finished": "the pod of a measurement is removed when it has been judged"},
}
"""Accepted with one note when it is set to something else than its default. Python names."""

ROUTERS = {
    "istio": "Istio",
    "alb": "the AWS load balancer controller",
    "smi": "a service mesh (SMI)",
    "appMesh": "AWS App Mesh",
    "ambassador": "Ambassador",
    "traefik": "Traefik",
    "apisix": "Apache APISIX",
    "plugins": "a router from a plugin",
}
"""Field of trafficRouting -> the traffic router that it is for."""

PROVIDERS = {
    "kayenta": "Kayenta",
    "datadog": "Datadog",
    "wavefront": "Wavefront",
    "newRelic": "New Relic",
    "cloudWatch": "CloudWatch",
    "graphite": "Graphite",
    "influxdb": "InfluxDB",
    "skywalking": "SkyWalking",
    "plugin": "a plugin",
}
"""Field of a metric's provider -> what would be asked."""

_NO_PLUGINS = "plugins are programs of another controller, and none are loaded here"
_NO_EXPERIMENT = "pods that belong to no version aren't started for a comparison"
_ONE_PLACE = "which nodes the versions share is the pods' own affair"
_INDEXED = "a measurement is one pod that ends well or doesn't"

REFUSED: dict[type[Model], dict[str, str]] = {
    TrafficRouting: {name: f"{router} doesn't route the traffic here" for name, router in ROUTERS.items()},
    CanaryStep: {
        "experiment": _NO_EXPERIMENT,
        "setMirrorRoute": "requests aren't answered twice, so none are mirrored",
        "plugin": _NO_PLUGINS,
    },
    CanaryStrategy: {
        "pingPong": "it spares a cloud's load balancer changes, and there is none",
        "antiAffinity": _ONE_PLACE,
    },
    BlueGreenStrategy: {"antiAffinity": _ONE_PLACE},
    MetricProvider: {name: f"{provider} isn't asked" for name, provider in PROVIDERS.items()},
    Authentication: {
        "sigv4": "requests aren't signed for AWS",
        "oauth2": "no OAuth token is fetched",
    },
    JobSpec: {
        "completionMode": _INDEXED,
        "backoffLimitPerIndex": _INDEXED,
        "maxFailedIndexes": _INDEXED,
        "successPolicy": _INDEXED,
        "podFailurePolicy": _INDEXED,
        "podReplacementPolicy": "the next pod starts when the one before has ended",
        "selector": "the pod of a measurement is known by its run",
        "manualSelector": "the pod of a measurement is known by its run",
        "suspend": "a measurement begins when it is due",
        "managedBy": "there is one controller, the reconciler's",
    },
}
"""Exists in Argo Rollouts (or in batch/v1) and is an error here, and why. JSON names."""

_SPLIT = "write `trafficRouting: {}`: the traffic is split by the reconciler's own proxy"
_OTHER_PROVIDER = "use prometheus, web, job, or haproxy (what the reconciler's own proxies count)"
_HEADER = "write the token into a header, from a Secret: headers, and args with valueFrom.secretKeyRef"

REMEDIES: dict[type[Model], dict[str, str]] = {
    TrafficRouting: dict.fromkeys(ROUTERS, _SPLIT),
    CanaryStep: {
        "experiment": "write setWeight and analysis steps: they compare with the stable version",
        "setMirrorRoute": "write setHeaderRoute, to try the canary with chosen requests",
        "plugin": "write an analysis step with a job or web metric",
    },
    CanaryStrategy: {
        "pingPong": "write canaryService and stableService",
        "antiAffinity": "write spec.template.spec.affinity.podAntiAffinity",
    },
    BlueGreenStrategy: {"antiAffinity": "write spec.template.spec.affinity.podAntiAffinity"},
    MetricProvider: dict.fromkeys(PROVIDERS, _OTHER_PROVIDER),
    Authentication: {"sigv4": _HEADER, "oauth2": _HEADER},
}
"""What to write instead of a refused field, where removing it isn't all there is to do. JSON names."""
