"""What strategies and templates name: it is there, and it fits; each wrong thing, and the sentence for it."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.load import load_tree
from tests.manifests.build import (
    assert_only,
    canary,
    deployment,
    ingress,
    lines,
    load,
    rollout,
    service,
    template,
)

CANARY = "spec.strategy.canary"
TEMPLATES = f"{CANARY}.steps[0].analysis.templates"
SERVICES = [service(name="canary"), service(name="stable")]


def judged_by(*names: str, more: str = "") -> str:
    """A step with an analysis of these templates; a name that begins with ! is a cluster's."""
    references = ", ".join(
        "{templateName: " + name.lstrip("!") + (", clusterScope: true}" if name.startswith("!") else "}")
        for name in names
    )
    return rollout(canary(f"analysis: {{templates: [{references}]{more}}}"))


@pytest.mark.parametrize("field", ["dryRun", "measurementRetention"])
def test_what_names_metrics_matches_one_of_some_template(tmp_path: Path, field: str) -> None:
    named = f"{field}: [{{metricName: goo}}]"
    second = template("count: 1", spec=named, name="second")
    assert lines(load(tmp_path, judged_by("good", "second"), template("count: 1"), second)) == []
    found = load(tmp_path, judged_by("good", more=f", {named.replace('goo', 'bad')}"), template("count: 1"))
    assert [(f.path, f.message, f.remedy) for f in found.findings][:1] == [
        (
            f"{CANARY}.steps[0].analysis.{field}[0].metricName",
            'expected what matches the name of a metric, found "bad"',
            "the metrics are good",
        )
    ]
    found = load(tmp_path, judged_by("second"), template("count: 1"), second)
    message = f"spec.{field}[0].metricName of AnalysisTemplate default/second: expected what matches"
    assert [(f.path, f.message[: len(message)]) for f in found.findings] == [(TEMPLATES, message)]


def test_services_that_arent_there(tmp_path: Path) -> None:
    found = load(tmp_path, rollout(canary(routed=True)), service(name="stables"), service(name="other"))
    assert [(f.severity, f.path, f.message, f.remedy) for f in found.findings] == [
        ("error", f"{CANARY}.canaryService", "there is no Service default/canary", "add the Service"),
        ("error", f"{CANARY}.stableService", "there is no Service default/stable", "did you mean stables?"),
    ]


def test_what_may_stand_in_other_files_is_a_warning(tmp_path: Path) -> None:
    texts = (rollout(canary("analysis: {templates: [{templateName: good}]}", routed=True)),)
    load(tmp_path, *texts, rollout("{canary: {}}", spec="workloadRef: {name: a}", template=False, name="b"))
    found = load_tree(tmp_path, [tmp_path / "0.yaml", tmp_path / "1.yaml"])
    assert [(f.severity, f.message) for f in found.findings] == [
        ("warning", "there is no Service default/canary in these files"),
        ("warning", "there is no Service default/stable in these files"),
        ("warning", "there is no AnalysisTemplate default/good in these files"),
        ("warning", "there is no Deployment default/a in these files"),
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("selector: {app: web, tier: front}\nports: [{port: 80}]", "Service default/stable selects tier=front, and the template has no label tier"),
        ("selector: {app: other}\nports: [{port: 80}]", "Service default/stable selects app=other, and the template has app=web"),
        ("type: ExternalName\nexternalName: a.lan", "Service default/stable has no selector, so it leads to no pods"),
    ],
)  # fmt: skip
def test_a_service_that_doesnt_lead_to_the_pods(tmp_path: Path, spec: str, expected: str) -> None:
    loaded = load(
        tmp_path, rollout(canary(routed=True)), service(name="canary"), service(spec, name="stable")
    )
    assert [f.message for f in loaded.errors] == [expected]
    assert loaded.errors[0].path == f"{CANARY}.stableService"


def test_the_label_that_argo_writes_into_selectors_is_no_mismatch(tmp_path: Path) -> None:
    selected = service(
        "selector: {app: web, rollouts-pod-template-hash: abc}\nports: [{port: 80}]", name="stable"
    )
    loaded = load(tmp_path, rollout(canary(routed=True)), service(name="canary"), selected)
    assert loaded.errors == ()


def test_a_service_of_two_rollouts(tmp_path: Path) -> None:
    strategy = "{blueGreen: {activeService: stable}}"
    found = load(tmp_path, rollout(canary(routed=True)), rollout(strategy, name="two"), *SERVICES).findings
    assert [(f.object, f.path, f.message) for f in found] == [
        ("Rollout default/two", "spec.strategy.blueGreen.activeService", "Service default/stable is moved by Rollout default/web already")
    ]  # fmt: skip


NGINX = canary(
    more="canaryService: canary, stableService: stable, trafficRouting: {nginx: {stableIngress: web}}"
)
TO = "{path: /, pathType: Prefix, backend: {service: {name: %s, port: {number: 80}}}}"


def test_an_ingress_that_leads_to_the_stable_service(tmp_path: Path) -> None:
    assert lines(load(tmp_path, rollout(NGINX), *SERVICES, ingress(path=TO % "stable"))) == []


def test_an_ingress_that_leads_elsewhere(tmp_path: Path) -> None:
    found = lines(load(tmp_path, rollout(NGINX), *SERVICES, ingress(path=TO % "canary")))
    at = f"{CANARY}.trafficRouting.nginx.stableIngress"
    assert_only(found, f"{at}: Ingress default/web doesn't lead to stableService (stable)")


@pytest.mark.parametrize(("form", "at"), [("stableIngress: web", "stableIngress"), ("stableIngresses: [web]", "stableIngresses[0]")])  # fmt: skip
def test_an_ingress_that_isnt_there(tmp_path: Path, form: str, at: str) -> None:
    found = lines(load(tmp_path, rollout(NGINX.replace("stableIngress: web", form)), *SERVICES))
    assert_only(found, f"{CANARY}.trafficRouting.nginx.{at}: there is no Ingress default/web")


def test_a_template_that_isnt_there(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        judged_by("godo", "!good", "all"),
        template(),
        template(name="all", kind="ClusterAnalysisTemplate"),
    ).findings
    assert [(f.path, f.message, f.remedy) for f in found] == [
        (f"{TEMPLATES}[0].templateName", "there is no AnalysisTemplate default/godo", "did you mean good?"),
        (f"{TEMPLATES}[1].templateName", "there is no ClusterAnalysisTemplate good", "add the ClusterAnalysisTemplate"),
        (f"{TEMPLATES}[2].templateName", "there is no AnalysisTemplate default/all", "there is a ClusterAnalysisTemplate all: add clusterScope: true"),
    ]  # fmt: skip


def test_templates_of_both_kinds_and_templates_in_templates(tmp_path: Path) -> None:
    outer = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: outer}\nspec: {templates: [{templateName: inner}]}"
    inner = template(
        name="inner", spec="args: [{name: a}]\ntemplates: [{templateName: all, clusterScope: true}]"
    )
    texts = [outer, inner, template(name="all", kind="ClusterAnalysisTemplate")]
    assert lines(load(tmp_path, judged_by("outer", more=", args: [{name: a, value: 5}]"), *texts)) == []
    found = lines(load(tmp_path, judged_by("outer"), *texts))
    assert_only(
        found, f'{CANARY}.steps[0].analysis.args: AnalysisTemplate default/inner needs the argument "a"'
    )


def test_an_argument_that_nobody_needs(tmp_path: Path) -> None:
    text = template(spec="args: [{name: host, value: a}]")
    (found,) = load(tmp_path, judged_by("good", more=", args: [{name: hots, value: 5}]"), text).findings
    assert (found.severity, found.path) == ("warning", f"{CANARY}.steps[0].analysis.args[0].name")
    assert (found.message, found.remedy) == ('no template has an argument "hots"', "did you mean host?")


def test_templates_that_lead_back_to_each_other(tmp_path: Path) -> None:
    a = template(name="a", spec="templates: [{templateName: b}]")
    b = template(name="b", spec="templates: [{templateName: a}]")
    assert lines(load(tmp_path, judged_by("a"), a, b)) == [
        "spec.templates[0].templateName: leads back to AnalysisTemplate default/a",
        "spec.templates[0].templateName: leads back to AnalysisTemplate default/b",
    ]


def test_a_template_that_names_itself(tmp_path: Path) -> None:
    text = template(spec="templates: [{templateName: good}]")
    assert_only(
        lines(load(tmp_path, text)),
        "spec.templates[0].templateName: leads back to AnalysisTemplate default/good",
    )


def test_a_template_in_a_template_that_isnt_there(tmp_path: Path) -> None:
    text = template(spec="templates: [{templateName: a}]")
    assert_only(
        lines(load(tmp_path, text)), "spec.templates[0].templateName: there is no AnalysisTemplate default/a"
    )


def test_a_cluster_template_names_cluster_templates_only(tmp_path: Path) -> None:
    text = template(kind="ClusterAnalysisTemplate", name="b", spec="templates: [{templateName: good}]")
    found = lines(load(tmp_path, text, template()))
    assert_only(found, "spec.templates[0].templateName: a ClusterAnalysisTemplate is in no namespace")


def test_two_metrics_of_one_name_in_one_run(tmp_path: Path) -> None:
    other = template(name="other").replace("metrics: [{name: other", "metrics: [{name: good")
    found = lines(load(tmp_path, judged_by("good", "other"), template(), other))
    assert_only(
        found,
        f'{TEMPLATES}: AnalysisTemplate default/good and AnalysisTemplate default/other both have a metric "good"',
    )


def test_one_argument_with_two_values(tmp_path: Path) -> None:
    texts = [template(name=name, spec=f"args: [{{name: a, value: {name}}}]") for name in ("one", "two")]
    assert_only(
        lines(load(tmp_path, judged_by("one", "two"), *texts)),
        f'{TEMPLATES}: two templates give the argument "a"',
    )


def test_an_argument_that_one_of_two_templates_has_a_value_for(tmp_path: Path) -> None:
    texts = [
        template(name="one", spec="args: [{name: a}]"),
        template(name="two", spec="args: [{name: a, value: 5}]"),
    ]
    assert lines(load(tmp_path, judged_by("one", "two"), *texts)) == []


def test_what_is_waited_for_has_to_end(tmp_path: Path) -> None:
    text = template("interval: 5s")
    found = lines(load(tmp_path, judged_by("good"), text))
    assert_only(
        found,
        f'{TEMPLATES}[0].templateName: the metric "good" of AnalysisTemplate default/good has an interval and no count: it never ends',
    )
    enough = template("interval: 5s, failureLimit: -1, consecutiveSuccessLimit: 4")
    assert lines(load(tmp_path, judged_by("good"), enough)) == []
    background = rollout(canary("setWeight: 5", more="analysis: {templates: [{templateName: good}]}"))
    assert lines(load(tmp_path, background, text)) == []


@pytest.mark.parametrize("field", ["prePromotionAnalysis", "postPromotionAnalysis"])
def test_each_promotion_waits(tmp_path: Path, field: str) -> None:
    strategy = f"{{blueGreen: {{activeService: stable, {field}: {{templates: [{{templateName: good}}]}}}}}}"
    found = lines(load(tmp_path, rollout(strategy), template("interval: 5s"), *SERVICES))
    assert_only(found, f"spec.strategy.blueGreen.{field}.templates[0].templateName: the metric")


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {a: b}"
READS = "args: [{name: a, valueFrom: {secretKeyRef: {name: token, key: %s}}}]"


def test_a_secret_that_an_argument_is_read_from(tmp_path: Path) -> None:
    assert lines(load(tmp_path, template(spec=READS % "a"), SECRET)) == []
    found = lines(load(tmp_path, template(spec=READS % "b"), SECRET))
    assert_only(found, 'spec.args[0].valueFrom.secretKeyRef.key: Secret default/token has no key "b"')


def test_a_secret_that_isnt_there(tmp_path: Path) -> None:
    (found,) = load(tmp_path, template(spec=READS % "a", kind="AnalysisRun")).findings
    assert (found.severity, found.path) == ("error", "spec.args[0].valueFrom.secretKeyRef")
    assert (found.message, found.remedy) == ("there is no Secret default/token", "add the Secret")


def test_a_secret_of_a_cluster_template_is_looked_for_where_it_is_used(tmp_path: Path) -> None:
    text = template(spec=READS % "a", kind="ClusterAnalysisTemplate")
    assert lines(load(tmp_path, text)) == []
    found = lines(load(tmp_path, judged_by("!good"), text))
    assert_only(
        found,
        f"{TEMPLATES}[0].templateName: there is no Secret default/token, which ClusterAnalysisTemplate good reads",
    )
    assert lines(load(tmp_path, judged_by("!good"), text, SECRET)) == []


def test_what_the_pod_of_a_job_reads(tmp_path: Path) -> None:
    env = "envFrom: [{configMapRef: {name: conf}}, {configMapRef: {name: '{{args.a}}'}}]"
    job = f"{{job: {{spec: {{template: {{spec: {{restartPolicy: Never, containers: [{{name: a, image: 'a:1', {env}}}]}}}}}}}}}}"
    found = lines(load(tmp_path, template(provider=job, spec="args: [{name: a}]")))
    at = "spec.metrics[0].provider.job.spec.template.spec.containers[0].envFrom[0].configMapRef"
    assert_only(found, f"{at}: there is no ConfigMap default/conf")


def test_a_service_that_proxies_are_asked_about(tmp_path: Path) -> None:
    (found,) = load(tmp_path, template(provider="{haproxy: {service: web}}")).findings
    assert (found.path, found.message, found.remedy) == (
        "spec.metrics[0].provider.haproxy.service", "there is no Service default/web", "add the Service"
    )  # fmt: skip


def taking_over(name: str = "web", source: str = "source", spec: str = "") -> str:
    return rollout("{canary: {}}", name=name, template=False, spec=f"workloadRef: {{name: {source}}}\n{spec}")


def test_a_deployment_that_is_taken_over(tmp_path: Path) -> None:
    selector = "selector: {matchLabels: {app: web}}"
    assert lines(load(tmp_path, taking_over(spec=selector), deployment(name="source"))) == []


WORKLOADS = [
    ([taking_over(source="sauce")], "spec.workloadRef.name: there is no Deployment default/sauce"),
    ([taking_over(), taking_over("two")], "spec.workloadRef.name: Deployment default/source is taken over by Rollout default/web already"),
    ([taking_over(spec="selector: {matchLabels: {app: wbe}}")], "spec.selector: doesn't match the labels of the template of Deployment default/source"),
]  # fmt: skip


@pytest.mark.parametrize(("rollouts", "expected"), WORKLOADS)
def test_a_deployment_that_cant_be_taken_over(tmp_path: Path, rollouts: list[str], expected: str) -> None:
    assert_only(lines(load(tmp_path, *rollouts, deployment(name="source"))), expected)


def test_a_deployment_with_a_strategy_of_its_own_isnt_taken_over(tmp_path: Path) -> None:
    source = deployment(name="source", meta="annotations: {reconciler.io/strategy: 'canary: {}'}")
    found = lines(load(tmp_path, taking_over(), source))
    assert_only(
        found, "spec.workloadRef.name: Deployment default/source has the annotation reconciler.io/strategy"
    )


def test_services_of_a_deployment_that_is_taken_over(tmp_path: Path) -> None:
    strategy = "{blueGreen: {activeService: stable}}"
    text = rollout(strategy, template=False, spec="workloadRef: {name: source}")
    other = service("selector: {app: other}\nports: [{port: 80}]", name="stable")
    loaded = load(tmp_path, text, deployment(name="source"), other)
    assert [f.message for f in loaded.errors] == [
        "Service default/stable selects app=other, and the template has app=web"
    ]


STEP = canary("{analysis: {templates: [{templateName: good}]}}", routed=True)


@pytest.mark.parametrize(
    ("rollouts", "services", "templates"),
    [
        (rollout(STEP.replace("steps", "stepz")), SERVICES, template("interval: 5s")),
        (rollout(STEP), [SERVICES[0].replace("ports:", "portz:"), SERVICES[1]], template()),
        (rollout(STEP), SERVICES, template().replace("metrics:", "metrix:")),
    ],
)
def test_what_stands_there_with_an_error_is_not_said_to_be_missing(
    tmp_path: Path, rollouts: str, services: list[str], templates: str
) -> None:
    """Nor has a Service no pods, when the Rollout that has them can't be read."""
    found = load(tmp_path, rollouts, *services, templates)
    assert found.errors
    assert all("unknown field" in f.message for f in found.findings), lines(found)


def test_what_is_missing_beside_an_error_is_said(tmp_path: Path) -> None:
    found = load(tmp_path, rollout(STEP), SERVICES[0].replace("ports:", "portz:"), template())
    assert "there is no Service default/stable" in "".join(lines(found))
