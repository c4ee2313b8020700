"""Rules about one Rollout: each wrong thing, and the sentence for it."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from tests.decide.builders import fleet
from tests.manifests.build import assert_only, canary, deployment, lines, load, rollout, service, template

SERVICES = [service(name=name) for name in ("canary", "stable", "active", "preview")]
SERVICES += [deployment(name="other")]
"""Their pods are there whatever becomes of the Rollout."""
STEPS = "spec.strategy.canary.steps[0]"
CANARY = "spec.strategy.canary"
BLUE = "spec.strategy.blueGreen"
ROUTED = "canaryService: canary, stableService: stable, "


def blue(more: str = "") -> str:
    return "{blueGreen: {activeService: active, " + more + "}}"


def step(text: str) -> str:
    return canary(text, routed=True)


STRATEGIES = [
    ("{}", "spec.strategy: names no strategy"),
    ("{canary: {}, blueGreen: {activeService: active}}", f"{BLUE}: canary and blueGreen exclude each other"),
    ("{blueGreen: {}}", f"{BLUE}.activeService: is missing"),
    (blue("previewService: 100"), f'{BLUE}.previewService: expected a DNS name or "", found 100'),
    (blue("previewService: active"), f"{BLUE}.previewService: active is activeService already"),
    (blue("scaleDownDelayRevisionLimit: 11"), f"{BLUE}.scaleDownDelayRevisionLimit: expected at most revisionHistoryLimit (10), found 11"),
    (blue("autoPromotionSeconds: -1"), f"{BLUE}.autoPromotionSeconds: expected at least 0, found -1"),
    (blue("prePromotionAnalysis: {}"), f"{BLUE}.prePromotionAnalysis.templates: is missing"),
    (blue("postPromotionAnalysis: {}"), f"{BLUE}.postPromotionAnalysis.templates: is missing"),
    (canary(more="maxSurge: 0, maxUnavailable: 0"), f"{CANARY}.maxUnavailable: maxSurge and maxUnavailable are both 0"),
    (canary(more="maxSurge: '0%', maxUnavailable: 0"), f"{CANARY}.maxUnavailable: maxSurge and maxUnavailable are both 0"),
    (canary(more="canaryService: stable, stableService: stable"), f"{CANARY}.stableService: stable is canaryService already"),
    (canary(more="trafficRouting: {}, stableService: stable"), f"{CANARY}.trafficRouting: needs canaryService beside it"),
    (canary(more="trafficRouting: {}, canaryService: canary"), f"{CANARY}.trafficRouting: needs stableService beside it"),
    (canary(more="dynamicStableScale: true"), f"{CANARY}.dynamicStableScale: needs trafficRouting"),
    (canary(more="scaleDownDelaySeconds: 60"), f"{CANARY}.scaleDownDelaySeconds: needs trafficRouting"),
    (canary(more="minPodsPerReplicaSet: 2"), f"{CANARY}.minPodsPerReplicaSet: warning: has no effect without trafficRouting"),
    (canary(more="minPodsPerReplicaSet: 0"), f"{CANARY}.minPodsPerReplicaSet: expected at least 1, found 0"),
    (canary(more="dynamicStableScale: true, scaleDownDelaySeconds: 60", routed=True), f"{CANARY}.dynamicStableScale: excludes scaleDownDelaySeconds"),
    (canary(more=ROUTED + "trafficRouting: {nginx: {}}"), f"{CANARY}.trafficRouting.nginx: expected stableIngress or stableIngresses, found neither"),
    (canary(more=ROUTED + "trafficRouting: {istio: {}}"), f"{CANARY}.trafficRouting.istio: not supported: Istio"),
    (canary(more=ROUTED + "trafficRouting: {managedRoutes: [{name: a b}]}"), f"{CANARY}.trafficRouting.managedRoutes[0].name: expected a name"),
    (canary(more=ROUTED + "trafficRouting: {managedRoutes: [{name: a}, {name: a}]}"), f'{CANARY}.trafficRouting.managedRoutes[1].name: a second route is called "a"'),
    (canary(more="replicaProgressThreshold: {type: Percent, value: 101}"), f"{CANARY}.replicaProgressThreshold.value: expected at most 100, found 101"),
    (canary(more="analysis: {templates: [{templateName: good}], startingStep: 0}"), f"{CANARY}.analysis.startingStep: expected the number of a step, found 0"),
    (canary("setWeight: 5", more="analysis: {templates: [{templateName: good}], startingStep: 1}"), f"{CANARY}.analysis.startingStep: expected the number of a step, found 1"),
    (canary(more="canaryMetadata: {labels: {app: other}}"), f"{CANARY}.canaryMetadata.labels.app: changes a label of spec.selector: app=web"),
    (canary(more="stableMetadata: {labels: {app: other}}"), f"{CANARY}.stableMetadata.labels.app: changes a label"),
    (blue("activeMetadata: {labels: {app: other}}"), f"{BLUE}.activeMetadata.labels.app: changes a label"),
    (blue("previewMetadata: {labels: {app: other}}"), f"{BLUE}.previewMetadata.labels.app: changes a label"),
    (step("{}"), f"{STEPS}: expected one field, found nothing"),
    (step("{setWeight: 5, pause: {}}"), f"{STEPS}: expected one field, found setWeight and pause"),
    (step("setWeight: 101"), f"{STEPS}.setWeight: expected at most 100, found 101"),
    (step("setWeight: -1"), f"{STEPS}.setWeight: expected at least 0, found -1"),
    (canary("setWeight: 51", more=ROUTED + "trafficRouting: {maxTrafficWeight: 50}"), f"{STEPS}.setWeight: expected at most 50, found 51"),
    (step("pause: {duration: soon}"), f'{STEPS}.pause.duration: expected a duration, found "soon"'),
    (step("pause: {duration: -5}"), f"{STEPS}.pause.duration: expected a duration, found -5"),
    (step(f"pause: {{duration: '{'9' * 300}'}}"), f"{STEPS}.pause.duration: expected at most 2147483647 seconds"),
    (step(f"pause: {{duration: {'9' * 300}h}}"), f"{STEPS}.pause.duration: expected a duration"),
    (step("pause: {duration: 10x}"), f"{STEPS}.pause.duration: expected a duration"),
    (step("pause: {duration: 99999999h}"), f"{STEPS}.pause.duration: expected a duration, found"),
    (step("pause: {duration: '99999999999'}"), f"{STEPS}.pause.duration: expected at most 2147483647 seconds"),
    (step("pause: {duration: 2147483648}"), f"{STEPS}.pause.duration: expected at most 2147483647 seconds"),
    (step("setCanaryScale: {}"), f"{STEPS}.setCanaryScale: expected one of replicas, weight, matchTrafficWeight, found none"),
    (step("setCanaryScale: {replicas: 1, weight: 2}"), f"{STEPS}.setCanaryScale: expected one of replicas, weight, matchTrafficWeight, found replicas and weight"),
    (canary("setCanaryScale: {replicas: 1}"), f"{STEPS}.setCanaryScale: needs trafficRouting"),
    (canary("setHeaderRoute: {name: a}"), f"{STEPS}.setHeaderRoute: needs trafficRouting"),
    (step("setHeaderRoute: {name: a}"), f'{STEPS}.setHeaderRoute.name: "a" isn\'t in trafficRouting.managedRoutes'),
    (step("setMirrorRoute: {name: a}"), f"{STEPS}.setMirrorRoute: not supported"),
    (step("experiment: {}"), f"{STEPS}.experiment: not supported"),
    (step("replicaProgressThreshold: {type: Percent, value: 101}"), f"{STEPS}.replicaProgressThreshold.value: expected at most 100"),
    (step("analysis: {}"), f"{STEPS}.analysis.templates: is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("strategy", "expected"), STRATEGIES)
def test_a_strategy(tmp_path: Path, strategy: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, rollout(strategy), template("count: 1"), *SERVICES)), expected)


def matched(match: str) -> str:
    return canary(
        "{setHeaderRoute: {name: a, match: [" + match + "]}}",
        more=ROUTED + "trafficRouting: {managedRoutes: [{name: a}]}",
    )


MATCHES = [
    ("{headerName: X-A, headerValue: {}}", "headerValue: expected one of exact, prefix, regex, found none"),
    ("{headerName: X-A, headerValue: {exact: a, regex: b}}", "headerValue: expected one of exact, prefix, regex, found exact and regex"),
    ("{headerName: X-A, headerValue: {regex: '('}}", "headerValue.regex: expected a regular expression, found"),
    ("{headerName: X-A, headerValue: {exact: \"a\\nb\"}}", "headerValue.exact: holds characters that no header can have"),
    ("{headerName: 'X A', headerValue: {exact: a}}", "headerName: expected the name of an HTTP header"),
]  # fmt: skip


@pytest.mark.parametrize(("match", "expected"), MATCHES)
def test_a_header_that_is_matched(tmp_path: Path, match: str, expected: str) -> None:
    found = lines(load(tmp_path, rollout(matched(match)), *SERVICES))
    assert_only(found, f"{STEPS}.setHeaderRoute.match[0].{expected}")


def test_more_headers_than_a_condition_can_hold(tmp_path: Path) -> None:
    one = "{headerName: X-A, headerValue: {exact: a}}"
    assert load(tmp_path, rollout(matched(", ".join([one] * 32))), *SERVICES).errors == ()
    found = lines(load(tmp_path, rollout(matched(", ".join([one] * 33))), *SERVICES))
    assert_only(found, f"{STEPS}.setHeaderRoute.match: expected at most 32 headers, found 33")


def test_a_header_route_to_a_service_that_no_proxy_leads_to(tmp_path: Path) -> None:
    headless, stable = service("clusterIP: None\nports: [{port: 80}]", name="canary"), service(name="stable")
    by_header = matched("{headerName: X-A, headerValue: {exact: a}}")
    loaded = load(tmp_path, rollout(by_header), headless, stable)
    assert [(f.path, f.message) for f in loaded.errors] == [
        (f"{CANARY}.canaryService", "Service default/canary is headless, so no proxy leads to it, and setHeaderRoute would lead nowhere")
    ]  # fmt: skip
    assert load(tmp_path, rollout(canary(routed=True)), headless, stable).errors == ()


ARGUMENTS = [
    ("[{name: a, valueFrom: {}}]", "args[0].valueFrom: expected podTemplateHashValue or fieldRef, found neither"),
    ("[{name: a, valueFrom: {podTemplateHashValue: Latest, fieldRef: {fieldPath: metadata.name}}}]", "args[0].valueFrom: expected podTemplateHashValue or fieldRef, found both"),
    ("[{name: a, value: b, valueFrom: {podTemplateHashValue: Latest}}]", "args[0].valueFrom: excludes value"),
    ("[{name: a, valueFrom: {podTemplateHashValue: Newest}}]", "args[0].valueFrom.podTemplateHashValue: expected one of Latest, Stable"),
    ("[{name: a, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}]", "args[0].valueFrom.fieldRef.fieldPath: expected a field of the Rollout"),
    ("[{name: a, valueFrom: {fieldRef: {fieldPath: status.phase}}}]", "args[0].valueFrom.fieldRef.fieldPath: expected a field of the Rollout"),
    ("[{name: a, valueFrom: {fieldRef: {fieldPath: name}}}]", "args[0].valueFrom.fieldRef.fieldPath: expected a field of the Rollout"),
    ("[{name: a, value: b}, {name: a, value: c}]", 'args[1].name: a second argument is called "a"'),
]  # fmt: skip


@pytest.mark.parametrize(("args", "expected"), ARGUMENTS)
def test_an_argument(tmp_path: Path, args: str, expected: str) -> None:
    strategy = canary(f"analysis: {{templates: [{{templateName: good}}], args: {args}}}")
    found = lines(load(tmp_path, rollout(strategy), template("count: 1", spec="args: [{name: a}]")))
    assert_only(found, f"{STEPS}.analysis.{expected}")


@pytest.mark.parametrize("field", ["dryRun", "measurementRetention"])
def test_what_names_metrics_is_a_regular_expression(tmp_path: Path, field: str) -> None:
    strategy = canary(f"analysis: {{templates: [{{templateName: good}}], {field}: [{{metricName: '*'}}]}}")
    found = lines(load(tmp_path, rollout(strategy), template("count: 1")))
    assert_only(found, f"{STEPS}.analysis.{field}[0].metricName: expected a regular expression")


SPECS = [
    ("workloadRef: {name: other}", True, "spec.template: excludes workloadRef"),
    ("", False, "spec.template: is missing, expected a mapping"),
    ("restartAt: yesterday", True, 'spec.restartAt: expected a time with its zone, found "yesterday"'),
    ("restartAt: '2026-03-30t21:19:35z'", True, "spec.restartAt: expected a time with its zone"),
    (
        f"progressDeadlineSeconds: {'9' * 300}",
        True,
        "spec.progressDeadlineSeconds: expected at most 2147483647",
    ),
    ("restartAt: '2026-03-30 21:19:35'", True, "spec.restartAt: expected a time with its zone"),
    ("restartAt: '2026-13-30T21:19:35Z'", True, "spec.restartAt: expected a time with its zone"),
    (
        "{minReadySeconds: 600}",
        True,
        "spec.progressDeadlineSeconds: expected more than minReadySeconds (600)",
    ),
]


@pytest.mark.parametrize(("spec", "pods", "expected"), SPECS)
def test_a_rollout(tmp_path: Path, spec: str, pods: bool, expected: str) -> None:
    text = rollout(spec=spec.strip("{}") if spec.startswith("{") else spec, template=pods)
    others = [deployment(name="other")] if "workloadRef" in spec else []
    assert_only(lines(load(tmp_path, text, *others)), expected)


PODS = [
    (
        "{app: web}",
        "{app: wbe}",
        "spec.selector.matchLabels.app: selects app=web, but the template has app=wbe",
    ),
    ("{}", "{app: web}", "spec.selector: is empty, and would select every pod"),
]


@pytest.mark.parametrize(("selector", "labels", "expected"), PODS)
def test_its_pods_obey_the_rules_of_a_deployment(
    tmp_path: Path, selector: str, labels: str, expected: str
) -> None:
    text = rollout().replace("{matchLabels: {app: web}}", f"{{matchLabels: {selector}}}")
    found = lines(load(tmp_path, text.replace("{labels: {app: web}}", f"{{labels: {labels}}}")))
    assert_only(found, expected)


def test_its_pods_keep_running(tmp_path: Path) -> None:
    text = rollout().replace("{containers:", "{restartPolicy: Never, containers:")
    assert_only(lines(load(tmp_path, text)), "spec.template.spec.restartPolicy: expected Always, found Never")


RIGHT = [
    "{canary: {}}",
    canary("pause: {}", more="canaryMetadata: {labels: {role: canary, app: web}, annotations: {app: other}}"),
    canary(more="maxSurge: 200%, maxUnavailable: 0"),
    canary("{setWeight: 0}, {pause: {duration: 10}}, {pause: {duration: '10'}}, {pause: {duration: 10s}}, {pause: {duration: 2147483647}}, {pause: {duration: 2562047h}}, {setWeight: 100}"),
    canary("{setCanaryScale: {replicas: 0}}, {setCanaryScale: {weight: 0}}, {setCanaryScale: {matchTrafficWeight: true}}", routed=True),
    canary("setWeight: 500", more=ROUTED + "trafficRouting: {maxTrafficWeight: 1000}"),
    canary("setWeight: 5", more="analysis: {templates: [{templateName: good}], startingStep: 0}"),
    canary(more="dynamicStableScale: true, minPodsPerReplicaSet: 2, abortScaleDownDelaySeconds: 0", routed=True),
    canary(more="scaleDownDelaySeconds: 60", routed=True),
    matched("{headerName: X-A, headerValue: {exact: a}}, {headerName: X-B, headerValue: {prefix: b}}, {headerName: X-C, headerValue: {regex: '^c+$'}}"),
    blue("previewService: preview, autoPromotionEnabled: false, scaleDownDelayRevisionLimit: 2, previewReplicaCount: 1"),
    blue("prePromotionAnalysis: {templates: [{templateName: good}]}, postPromotionAnalysis: {templates: [{templateName: good}], dryRun: [{metricName: '.*'}]}"),
]  # fmt: skip


@pytest.mark.parametrize("strategy", RIGHT)
def test_what_is_right(tmp_path: Path, strategy: str) -> None:
    text = rollout(strategy, spec="restartAt: '2026-03-30T21:19:35.123+02:00'")
    assert lines(load(tmp_path, text, template("count: 1"), *SERVICES)) == []


@pytest.mark.parametrize(
    "origin",
    [
        "{podTemplateHashValue: Stable}",
        "{fieldRef: {fieldPath: \"metadata.labels['app']\"}}",
        "{fieldRef: {fieldPath: 'spec.template.spec.containers[0].image'}}",
        "{fieldRef: {fieldPath: metadata.labels}}",
    ],
)
def test_where_an_argument_may_come_from(tmp_path: Path, origin: str) -> None:
    strategy = canary(
        "analysis: {templates: [{templateName: good}], args: [{name: a, valueFrom: " + origin + "}]}"
    )
    texts = [rollout(strategy), template("count: 1", spec="args: [{name: a}]")]
    assert lines(load(tmp_path, *texts)) == []


def test_a_null_pause_is_no_step(tmp_path: Path) -> None:
    found = load(tmp_path, rollout(canary("pause: null"))).findings
    assert [(f.path, f.remedy) for f in found] == [(STEPS, "write pause: {}, or another field of a step")]


def test_nginx_with_both_forms(tmp_path: Path) -> None:
    nginx = "trafficRouting: {nginx: {stableIngress: a, stableIngresses: [b], annotationPrefix: x}}"
    found = lines(load(tmp_path, rollout(canary(more=ROUTED + nginx)), *SERVICES))
    at = f"{CANARY}.trafficRouting.nginx"
    assert f"{at}: expected stableIngress or stableIngresses, found both" in found
    assert any(line.startswith(f"{at}.annotationPrefix: note: has no effect") for line in found)


PORT = "ports: [{containerPort: 80, hostPort: 8080}]"


@pytest.mark.parametrize(
    ("strategy", "warned"),
    [
        (blue(), True),
        (canary(routed=True), True),
        (canary(), True),
        (canary(more="maxSurge: 0, maxUnavailable: 1"), False),
        (canary(more="maxUnavailable: 2"), False),
    ],
)
def test_two_versions_beside_each_other_need_a_port_of_a_node_each(
    tmp_path: Path, strategy: str, warned: bool
) -> None:
    text = rollout(strategy, spec="replicas: 2").replace("'nginx:1.29'", f"'nginx:1.29', {PORT}")
    found = load(tmp_path, text, *SERVICES, fleet=fleet("a", "b", network={"enabled": True})).findings
    expected = [("warning", "write a canary without trafficRouting, with maxUnavailable: 1 and maxSurge: 0")]
    assert [(f.severity, f.remedy) for f in found] == (expected if warned else [])
