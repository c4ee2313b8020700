"""Every field of Argo Rollouts' kinds that works is read: another value of it alone is another object.

Whether it has its effect is seen in the course of a delivery (tests/decide).
"""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from typing import Any

import pytest

from reconciler.manifests.judge import judge
from reconciler.manifests.reference import every_model, honoured
from reconciler.model.kinds import Object
from tests.manifests.effect_rows import REMOVED
from tests.manifests.test_effects import CHOOSES, OVER_TIME, changed, on_the_way

HEAD: dict[str, Any] = {
    "apiVersion": "argoproj.io/v1alpha1",
    "metadata": {"name": "web", "namespace": "default", "labels": {"a": "b"}},
}
POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}},
    "spec": {"containers": [{"name": "web", "image": "web:v1"}]},
}
JUDGED = {"templates": [{"templateName": "good"}]}
HEADER = {"headerName": "X-A", "headerValue": {"exact": "a"}}


def rollout(strategy: dict[str, Any], **spec: Any) -> dict[str, Any]:
    pods = {"selector": {"matchLabels": {"app": "web"}}, "template": POD}
    return {**HEAD, "kind": "Rollout", "spec": {**pods, "strategy": strategy, **spec}}


def canary(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    routed = {
        "canaryService": "canary",
        "stableService": "stable",
        "trafficRouting": {"managedRoutes": [{"name": "a"}]},
    }
    return rollout({"canary": {**routed, "steps": list(steps), **more}})


def blue(**more: Any) -> dict[str, Any]:
    return rollout({"blueGreen": {"activeService": "active", **more}})


def template(provider: dict[str, Any], kind: str = "AnalysisTemplate", **metric: Any) -> dict[str, Any]:
    one = {"name": "a", "successCondition": "result > 1", "provider": provider, **metric}
    arguments = [
        {"name": "x", "value": "1"},
        {"name": "s", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]
    return {**HEAD, "kind": kind, "spec": {"metrics": [one], "args": arguments}}


REF = {**HEAD, "kind": "Rollout", "spec": {"workloadRef": {"name": "a"}, "strategy": {"canary": {}}}}
WEB = template(
    {
        "web": {
            "url": "http://a",
            "method": "POST",
            "headers": [{"key": "A", "value": "b"}],
            "authentication": {"basicAuth": {"username": "a", "password": "b"}},
        }
    }
)
PROMETHEUS = template(
    {
        "prometheus": {
            "address": "http://a",
            "query": "up",
            "rangeQuery": {"start": "a", "end": "b", "step": "1m"},
        }
    },
    interval="5s",
)
JOB = template({"job": {"spec": {"template": {**POD, "spec": {**POD["spec"], "restartPolicy": "Never"}}}}})
HAPROXY = template({"haproxy": {"service": "a"}})
RUN = template({"haproxy": {}}, "AnalysisRun")
CLUSTER = template({"haproxy": {}}, "ClusterAnalysisTemplate")

M = "spec/metrics/0"
P = f"{M}/provider"
C = "spec/strategy/canary"
S = f"{C}/steps/0"
B = "spec/strategy/blueGreen"
ANALYSIS = {
    "templates/0/templateName": "other",
    "templates/0/clusterScope": True,
    "args": [{"name": "a", "value": "b"}],
    "args/0/name": "z",
    "args/0/value": "z",
    "args/0/valueFrom": {"podTemplateHashValue": "Stable"},
    "args/1/valueFrom/podTemplateHashValue": "Stable",
    "args/2/valueFrom/fieldRef/fieldPath": "metadata.labels['a']",
    "dryRun": [{"metricName": "a"}],
    "dryRun/0/metricName": "b",
    "measurementRetention": [{"metricName": "a", "limit": 1}],
    "measurementRetention/0/metricName": "b",
    "measurementRetention/0/limit": 2,
}
FULL = {
    **JUDGED,
    "args": [
        {"name": "a"},
        {"name": "b", "valueFrom": {"podTemplateHashValue": "Latest"}},
        {"name": "c", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ],
    "dryRun": [{"metricName": "."}],
    "measurementRetention": [{"metricName": ".", "limit": 5}],
}

BLOCKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (REF, {"spec/workloadRef/name": "b", "spec/workloadRef/scaleDown": "onsuccess", "spec/workloadRef/scaleDown/": "progressively"}),
    (canary(), {
        "metadata/name": "other", "spec/selector/matchLabels": {"app": "web", "a": "b"}, "spec/template/spec/containers/0/image": "web:v2",
        "spec/replicas": 3, "spec/minReadySeconds": 5, "spec/progressDeadlineSeconds": 60, "spec/progressDeadlineAbort": True,
        "spec/revisionHistoryLimit": 3, "spec/rollbackWindow/revisions": 3, "spec/restartAt": "2026-03-30T21:19:35Z", "spec/paused": True,
        "spec/analysis/successfulRunHistoryLimit": 1, "spec/analysis/unsuccessfulRunHistoryLimit": 1, "spec/strategy": {"blueGreen": {"activeService": "a"}},
        f"{C}/canaryService": "other", f"{C}/stableService": "other", f"{C}/maxSurge": 1, f"{C}/maxSurge/": "50%", f"{C}/maxUnavailable": 0,
        f"{C}/dynamicStableScale": True, f"{C}/minPodsPerReplicaSet": 2, f"{C}/scaleDownDelaySeconds": 60, f"{C}/scaleDownDelayRevisionLimit": 2,
        f"{C}/abortScaleDownDelaySeconds": 0, f"{C}/canaryMetadata/labels": {"a": "b"}, f"{C}/canaryMetadata/annotations": {"a": "b"},
        f"{C}/stableMetadata/labels": {"a": "b"}, f"{C}/analysis": JUDGED, f"{C}/trafficRouting/maxTrafficWeight": 1000,
        f"{C}/trafficRouting/managedRoutes/0/name": "b", f"{C}/trafficRouting/nginx/stableIngress": "web",
        f"{C}/trafficRouting/nginx/stableIngresses": ["web"], f"{C}/trafficRouting": REMOVED, f"{C}/steps": [{"pause": {}}],
        f"{C}/replicaProgressThreshold": {"type": "Pods", "value": 1},
    }),
    (canary({"setWeight": 5}, analysis=FULL), {
        f"{S}/setWeight": 6, f"{C}/analysis/startingStep": 0, **{f"{C}/analysis/{path}": value for path, value in ANALYSIS.items()},
    }),
    (canary({"analysis": FULL}), {f"{S}/analysis/{path}": value for path, value in ANALYSIS.items()}),
    (canary({"pause": {}}), {f"{S}/pause/duration": "10s", f"{S}/pause/duration/": 10, f"{S}/pause": REMOVED}),
    (canary({"setCanaryScale": {}}), {f"{S}/setCanaryScale/replicas": 0, f"{S}/setCanaryScale/weight": 0, f"{S}/setCanaryScale/matchTrafficWeight": True}),
    (canary({"setHeaderRoute": {"name": "a", "match": [HEADER]}}), {
        f"{S}/setHeaderRoute/name": "b", f"{S}/setHeaderRoute/match": [], f"{S}/setHeaderRoute/match/0/headerName": "X-B",
        f"{S}/setHeaderRoute/match/0/headerValue/exact": "b", f"{S}/setHeaderRoute/match/0/headerValue/prefix": "b",
        f"{S}/setHeaderRoute/match/0/headerValue/regex": "b",
    }),
    (canary({"replicaProgressThreshold": {"type": "Percent", "value": 50}}), {
        f"{S}/replicaProgressThreshold/type": "Pods", f"{S}/replicaProgressThreshold/value": 60,
    }),
    (blue(), {
        f"{B}/activeService": "other", f"{B}/previewService": "preview", f"{B}/previewReplicaCount": 1, f"{B}/autoPromotionEnabled": False,
        f"{B}/autoPromotionSeconds": 5, f"{B}/maxUnavailable": 1, f"{B}/scaleDownDelaySeconds": 5, f"{B}/scaleDownDelayRevisionLimit": 1,
        f"{B}/abortScaleDownDelaySeconds": 0, f"{B}/prePromotionAnalysis": JUDGED, f"{B}/postPromotionAnalysis": JUDGED,
        f"{B}/activeMetadata/labels": {"a": "b"}, f"{B}/previewMetadata/labels": {"a": "b"},
    }),
    (PROMETHEUS, {
        "metadata/name": "b", f"{M}/name": "b", f"{M}/interval": "6s", f"{M}/initialDelay": "1m", f"{M}/count": 3, f"{M}/count/": "{{args.x}}",
        f"{M}/successCondition": "result > 2", f"{M}/failureCondition": "result < 1", f"{M}/failureLimit": 1, f"{M}/inconclusiveLimit": 1,
        f"{M}/consecutiveErrorLimit": 1, f"{M}/consecutiveSuccessLimit": 1, f"{P}/prometheus/address": "http://b", f"{P}/prometheus/query": "down",
        f"{P}/prometheus/timeout": 5, f"{P}/prometheus/insecure": True, f"{P}/prometheus/headers": [{"key": "A", "value": "b"}],
        f"{P}/prometheus/authentication": {"basicAuth": {"username": "a"}}, f"{P}/prometheus/rangeQuery/start": "z",
        f"{P}/prometheus/rangeQuery/end": "z", f"{P}/prometheus/rangeQuery/step": "2m",
        "spec/args/0/name": "y", "spec/args/0/value": "2", "spec/args/1/valueFrom/secretKeyRef/name": "t",
        "spec/args/0/valueFrom": {"fieldRef": {"fieldPath": "a"}}, "spec/args/0/valueFrom/fieldRef/fieldPath": "metadata.name",
        "spec/dryRun": [{"metricName": "a"}], "spec/measurementRetention": [{"metricName": "a", "limit": 1}],
        "spec/templates": [{"templateName": "b"}],
    }),
    (WEB, {
        f"{P}/web/url": "http://b", f"{P}/web/method": "PUT", f"{P}/web/headers/0/key": "B", f"{P}/web/headers/0/value": "c",
        f"{P}/web/timeoutSeconds": 5, f"{P}/web/jsonPath": "{$.a}", f"{P}/web/insecure": True, f"{P}/web/body": "a", f"{P}/web/jsonBody": {"a": [1]},
        f"{P}/web/authentication/basicAuth/username": "z", f"{P}/web/authentication/basicAuth/password": "z",
    }),
    (JOB, {
        f"{P}/job/spec/template/spec/containers/0/image": "web:v2", f"{P}/job/spec/template/spec/containers/0/command": ["a"],
        f"{P}/job/spec/template/spec/containers/0/args": ["a"], f"{P}/job/spec/template/spec/containers/0/env": [{"name": "A", "value": "{{args.x}}"}],
        f"{P}/job/spec/template/spec/restartPolicy": "OnFailure", f"{P}/job/spec/template/metadata/labels": {"a": "{{ args.x }}"},
        f"{P}/job/spec/template/metadata/annotations": {"a": "c"}, f"{P}/job/spec/backoffLimit": 0, f"{P}/job/spec/activeDeadlineSeconds": 5,
        f"{P}/job/metadata/labels": {"a": "b"}, f"{P}/job/metadata/annotations": {"a": "b"},
        f"{P}/job/spec/template/spec/volumes": [{"name": "v", "configMap": {"name": "c"}}],
        f"{P}/job/spec/template/spec/containers/0/resources": {"requests": {"memory": "1Gi"}},
    }),
    (HAPROXY, {f"{P}/haproxy/service": "b", f"{P}/haproxy/minRequests": 5}),
    (RUN, {
        "metadata/name": "b", f"{M}/count": 3, "spec/args/0/value": "2", "spec/terminate": True, "spec/dryRun": [{"metricName": "a"}],
        "spec/measurementRetention": [{"metricName": "a", "limit": 1}], "spec/ttlStrategy/secondsAfterCompletion": 5,
        "spec/ttlStrategy/secondsAfterFailure": 5, "spec/ttlStrategy/secondsAfterSuccess": 5,
    }),
    (CLUSTER, {"metadata/name": "b", f"{M}/count": 3}),
]  # fmt: skip
ROWS = [(manifest, path.rstrip("/"), value) for manifest, others in BLOCKS for path, value in others.items()]
ONE_VALUE = {
    ("WorkloadRef", "api_version"), ("WorkloadRef", "kind"), ("JobSpec", "parallelism"), ("JobSpec", "completions")
}  # fmt: skip
"""Another value of these is an error; test_analysis_rules has one."""


def read(manifest: dict[str, Any]) -> Object:
    item, said = judge(manifest)
    assert item is not None, said
    return item


@pytest.mark.parametrize(
    ("manifest", "path", "value"), ROWS, ids=[f"{row[0]['kind']}-{row[1]}" for row in ROWS]
)
def test_another_value_is_another_object(manifest: dict[str, Any], path: str, value: Any) -> None:
    assert read(changed(manifest, path, value)) != read(manifest)


def test_every_field_is_tried() -> None:
    tried = {field for manifest, path, _ in ROWS for field in on_the_way(manifest, path)}
    kinds = [kind for kind in every_model() if kind.__module__ in OVER_TIME]
    wanted = {(kind.__name__, name) for kind in kinds for name in honoured(kind) if name not in CHOOSES}
    assert wanted - tried - ONE_VALUE == set()
