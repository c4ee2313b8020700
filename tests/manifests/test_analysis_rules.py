"""Rules about AnalysisTemplates and AnalysisRuns, each alone: every wrong thing, and the sentence for it."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.measuring.haproxy import _rates
from reconciler.model.analysis import AnalysisTemplate
from tests.decide.builders import fleet
from tests.manifests.build import WEB, assert_only, lines, load, template

METRIC = "spec.metrics[0]"
PROVIDER = f"{METRIC}.provider"
JOB = "{job: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: 'a:1'}]}}}}}"

METRICS = [
    ("successCondition: ''", f"{METRIC}: warning: has no condition"),
    ("interval: soon, count: 2", f'{METRIC}.interval: expected a duration, found "soon"'),
    ("initialDelay: 5", f"{METRIC}.initialDelay: expected a duration, found 5"),
    ("successCondition: 'result >'", f'{METRIC}.successCondition: "result >" can\'t be understood: an operator'),
    ("failureCondition: results > 1", f'{METRIC}.failureCondition: "results > 1" can\'t be understood: there is no'),
    ("initialDelay: 5 s", f"{METRIC}.initialDelay: expected a duration"),
    ("count: many", f'{METRIC}.count: expected a number or an argument, found "many"'),
    ("count: -1", f"{METRIC}.count: expected at least 0, found -1"),
    ("count: 2", f"{METRIC}.interval: is missing: 2 measurements need a time between them"),
    ("failureLimit: -2", f"{METRIC}.failureLimit: expected at least -1, found -2"),
    ("failureLimit: 3000000000", f"{METRIC}.failureLimit: expected at most 2147483647, found 3000000000"),
    (f"interval: {'9' * 300}h", f"{METRIC}.interval: expected a duration"),
    ("failureLimit: -1", f"{METRIC}.failureLimit: -1 and no consecutiveSuccessLimit"),
    ("failureLimit: 2, count: 1", f"{METRIC}.count: expected at least failureLimit and consecutiveSuccessLimit together (2), found 1"),
    ("failureLimit: -1, consecutiveSuccessLimit: 3, count: 2, interval: 1s", f"{METRIC}.count: expected at least failureLimit and consecutiveSuccessLimit together (3)"),
    ("inconclusiveLimit: 2, count: 1", f"{METRIC}.count: expected at least inconclusiveLimit (2), found 1"),
    ("inconclusiveLimit: -1", f"{METRIC}.inconclusiveLimit: expected at least 0"),
    ("consecutiveErrorLimit: -1", f"{METRIC}.consecutiveErrorLimit: expected at least 0"),
    ("consecutiveSuccessLimit: -1", f"{METRIC}.consecutiveSuccessLimit: expected at least 0"),
    ("count: '{{args.count}}'", f'{METRIC}.count: there is no argument "count"'),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "expected"), METRICS)
def test_a_metric(tmp_path: Path, metric: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, template(metric))), expected)


PROVIDERS = [
    ("{}", f"{PROVIDER}: expected one of prometheus, web, job, haproxy, found none"),
    ("{web: {url: 'http://a'}, haproxy: {}}", f"{PROVIDER}: expected one of prometheus, web, job, haproxy, found web and haproxy"),
    ("{datadog: {}}", f"{PROVIDER}.datadog: not supported: Datadog isn't asked"),
    ("{web: {url: a.lan}}", f'{PROVIDER}.web.url: expected a web address, found "a.lan"'),
    ("{web: {url: 'http://a', body: a}}", f"{PROVIDER}.web.body: isn't sent with GET"),
    ("{web: {url: 'http://a', jsonBody: {a: 1}}}", f"{PROVIDER}.web.jsonBody: isn't sent with GET"),
    ("{web: {url: 'http://a', method: POST, body: a, jsonBody: {a: 1}}}", f"{PROVIDER}.web.jsonBody: excludes body"),
    ("{web: {url: 'http://a', method: PATCH}}", f"{PROVIDER}.web.method: expected one of"),
    ("{web: {url: 'http://a', timeoutSeconds: -1}}", f"{PROVIDER}.web.timeoutSeconds: expected at least 0"),
    ("{web: {url: 'http://a', headers: [{key: 'a b', value: c}]}}", f"{PROVIDER}.web.headers[0].key: expected the name of an HTTP header"),
    ("{web: {url: 'http://a', headers: [{key: A, value: \"a\\nb\"}]}}", f"{PROVIDER}.web.headers[0].value: holds characters"),
    ("{web: {url: 'http://a', authentication: {oauth2: {}}}}", f"{PROVIDER}.web.authentication.oauth2: not supported"),
    ("{prometheus: {query: up}}", f"{PROVIDER}.prometheus.address: is missing"),
    ("{prometheus: {address: 'http://a', query: ''}}", f"{PROVIDER}.prometheus.query: is empty"),
    ("{prometheus: {address: 'ftp://a', query: up}}", f"{PROVIDER}.prometheus.address: expected a web address"),
    ("{prometheus: {address: 'http://a', query: up, timeout: -1}}", f"{PROVIDER}.prometheus.timeout: expected at least 0"),
    ("{prometheus: {address: 'http://a', query: up, rangeQuery: {start: 'now()', step: 1m}}}", f"{PROVIDER}.prometheus.rangeQuery.end: is missing"),
    ("{prometheus: {address: 'http://a', query: up, rangeQuery: {start: 'now()', end: 'now()', step: 1x}}}", f"{PROVIDER}.prometheus.rangeQuery.step: expected a duration"),
    ("{prometheus: {address: 'http://a', query: up, rangeQuery: {start: 5 minutes ago, end: 'now()', step: 1m}}}", f'{PROVIDER}.prometheus.rangeQuery.start: expected a time, found "5 minutes ago": "minutes" at'),
    ("{prometheus: {address: 'http://a', query: up, rangeQuery: {start: 'now() - duration(\"5 m\")', end: 'now()', step: 1m}}}", f"{PROVIDER}.prometheus.rangeQuery.start: expected a time"),
    ("{haproxy: {minRequests: few}}", f"{PROVIDER}.haproxy.minRequests: expected a number or an argument"),
    (JOB.replace("restartPolicy: Never, ", ""), f"{PROVIDER}.job.spec.template.spec.restartPolicy: expected Never or OnFailure, found Always"),
    (JOB.replace("{template", "{parallelism: 2, template"), f"{PROVIDER}.job.spec.parallelism: expected 1, found 2"),
    (JOB.replace("{template", "{backoffLimit: -1, template"), f"{PROVIDER}.job.spec.backoffLimit: expected at least 0"),
    (JOB.replace("{template", "{ttlSecondsAfterFinished: 5, template"), f"{PROVIDER}.job.spec.ttlSecondsAfterFinished: note: has no effect"),
    (JOB.replace("{spec: {template", "{metadata: {name: b}, spec: {template").replace("name: b", "finalizers: [b.lan/c]"), f"{PROVIDER}.job.metadata.finalizers: note: has no effect"),
    (JOB.replace("{spec: {template", "{metadata: {name: b}, spec: {template"), f"{PROVIDER}.job.metadata.name: note: has no effect"),
    (JOB.replace("{template: {", "{template: {metadata: {namespace: b}, "), f"{PROVIDER}.job.spec.template.metadata.namespace: note: has no effect"),
    (JOB.replace("image: 'a:1'", "image: 'a:1', volumeMounts: [{name: v, mountPath: /v}]"), f"{PROVIDER}.job.spec.template.spec.containers[0].volumeMounts[0].name"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "expected"), PROVIDERS)
def test_a_provider(tmp_path: Path, provider: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, template(provider=provider))), expected)


PRIVATE = [
    ("headers: [{key: Authorization, value: 31337}]", "headers[0].value: expected a string"),
    ("headers: ['Authorization: 31337']", "headers[0]: expected a mapping"),
    ("authentication: {basicAuth: {username: a, password: 31337}}", "authentication.basicAuth.password: expected a string"),
    ("authentication: 'a:31337'", "authentication: expected a mapping"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "expected"), PRIVATE)
def test_what_may_be_a_password_is_not_shown(tmp_path: Path, more: str, expected: str) -> None:
    loaded = load(tmp_path, template(provider=f"{{web: {{url: 'http://a', {more}}}}}"))
    assert lines(loaded) == [f"{PROVIDER}.web.{expected}"]
    assert "31337" not in repr(loaded.findings)


MISFITS = [
    ("result.canry.errorRate < 0.1", 'nothing has no field "errorRate"'),
    ("result.canary.errRate <= result.stable.errorRate", "nothing <= a number can't be compared"),
    ("result < 1", "an object < a number can't be compared"),
    ("result.canary.errors", "it comes to a number, not to true or false"),
]


@pytest.mark.parametrize(("text", "why"), MISFITS)
def test_a_condition_that_does_not_fit_what_the_proxies_count(tmp_path: Path, text: str, why: str) -> None:
    found = lines(load(tmp_path, template(f'successCondition: "{text}"', provider="{haproxy: {}}")))
    assert_only(found, f'{METRIC}.successCondition: "{text}" doesn\'t fit what haproxy gives: {why}')


def test_what_the_proxies_count_can_be_asked_for(tmp_path: Path) -> None:
    texts = [f"result.canary.{name} <= result.stable.{name}" for name in _rates(1, 1, 1.0, 1.0)]
    found = load(tmp_path, template(f'successCondition: "{" && ".join(texts)}"', provider="{haproxy: {}}"))
    assert lines(found) == []


def test_a_job_is_judged_by_how_it_ends(tmp_path: Path) -> None:
    found = lines(load(tmp_path, template("successCondition: result > 1", provider=JOB)))
    assert_only(found, f"{METRIC}.successCondition: warning: has no effect")


SPECS = [
    ("args: [{name: a}, {name: a}]", 'spec.args[1].name: a second argument is called "a"'),
    ("args: [{name: a, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]", "spec.args[0].valueFrom: excludes value"),
    ("args: [{name: a, valueFrom: {fieldRef: {fieldPath: name}}}]", "spec.args[0].valueFrom.fieldRef.fieldPath: expected a field of the Rollout"),
    ("args: [{name: a, valueFrom: {}}]", "spec.args[0].valueFrom: expected secretKeyRef or fieldRef, found neither"),
    ("dryRun: [{metricName: '*'}]", "spec.dryRun[0].metricName: expected a regular expression"),
    ("measurementRetention: [{metricName: '[', limit: 1}]", "spec.measurementRetention[0].metricName: expected a regular expression"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "expected"), SPECS)
def test_a_template(tmp_path: Path, spec: str, expected: str) -> None:
    assert_only(lines(load(tmp_path, template(spec=spec))), expected)


def test_two_metrics_of_one_name(tmp_path: Path) -> None:
    one = f"{{name: a, successCondition: result > 1, provider: {WEB}}}"
    text = template().replace("metrics: [", f"metrics: [{one}, ").replace("name: good, suc", "name: a, suc")
    assert_only(lines(load(tmp_path, text)), 'spec.metrics[1].name: a second metric is called "a"')


@pytest.mark.parametrize("kind", ["AnalysisTemplate", "AnalysisRun", "ClusterAnalysisTemplate"])
def test_there_is_a_metric(tmp_path: Path, kind: str) -> None:
    text = f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {{metrics: []}}"
    assert_only(lines(load(tmp_path, text)), "spec.metrics: is missing, expected at least one metric")


def test_an_argument_that_isnt_declared(tmp_path: Path) -> None:
    provider = "{web: {url: 'http://{{ args.hosts }}/'}}"
    (found,) = load(tmp_path, template(provider=provider, spec="args: [{name: host}]")).findings
    assert found.path == "spec.metrics[0].provider.web.url"
    assert (found.message, found.remedy) == ('there is no argument "hosts"', "did you mean host?")


def test_a_runs_argument_without_a_value(tmp_path: Path) -> None:
    text = template(kind="AnalysisRun", spec="args: [{name: a}]")
    assert_only(lines(load(tmp_path, text)), 'spec.args[0].value: the argument "a" has no value')


def test_a_cluster_template_is_in_no_namespace(tmp_path: Path) -> None:
    text = template(kind="ClusterAnalysisTemplate").replace("{name: good}", "{name: good, namespace: a}", 1)
    assert_only(
        lines(load(tmp_path, text)), "metadata.namespace: a ClusterAnalysisTemplate is in no namespace"
    )


EVERYWHERE = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: a}
spec:
  args: [{name: x}]
  metrics:
    - name: a
      count: "{{args.x}}"
      interval: "{{args.x}}"
      failureLimit: "{{args.x}}"
      provider:
        job:
          spec:
            template:
              metadata: {labels: {rev: "{{ args.x }}"}}
              spec:
                restartPolicy: Never
                containers: [{name: a, image: "{{ args.x }}:v1", env: [{name: A, value: "{{args.x}}"}]}]
                volumes: [{name: v}]
"""


def test_arguments_may_stand_where_forms_are_asked_for(tmp_path: Path) -> None:
    loaded = load(tmp_path, EVERYWHERE)
    assert lines(loaded) == []
    (item,) = loaded.objects
    assert isinstance(item, AnalysisTemplate)
    job = item.spec.metrics[0].provider.job
    assert job is not None
    pods = job.spec.template
    assert pods.metadata.labels == {"rev": "{{ args.x }}"}
    assert pods.spec.containers[0].image == "{{ args.x }}:v1"
    assert pods.spec.volumes[0].empty_dir is not None


def test_an_error_beside_arguments_is_the_only_one(tmp_path: Path) -> None:
    found = lines(load(tmp_path, EVERYWHERE.replace("name: a, image", "name: A_b, image")))
    assert_only(
        found, f'{PROVIDER}.job.spec.template.spec.containers[0].name: expected a DNS label, found "A_b"'
    )


def test_an_error_shows_the_argument_as_it_is_written(tmp_path: Path) -> None:
    provider = "{web: {url: 'http://a', method: '{{args.x}}'}}"
    found = lines(load(tmp_path, template(provider=provider, spec="args: [{name: x}]")))
    assert_only(found, f'{PROVIDER}.web.method: expected one of "", GET, POST, PUT, found "{{{{args.x}}}}"')


RIGHT = [
    ("count: 0, interval: 5s", WEB),
    ("count: '3', interval: 5s, failureLimit: '1', inconclusiveLimit: 3", WEB),
    ("failureLimit: -1, consecutiveSuccessLimit: 2, interval: 500ms", WEB),
    ("failureCondition: result.canary.errors > 1", "{haproxy: {service: '', minRequests: '10'}}"),
    ("", "{web: {url: '{{args.x}}', method: POST, jsonBody: {a: [1]}, timeoutSeconds: '{{args.x}}'}}"),
    ("", "{prometheus: {address: 'http://a:9090', query: up, rangeQuery: {start: 'now()', end: 'now()', step: 1m}}}"),
    ("", "{prometheus: {address: 'http://a', query: up, authentication: {basicAuth: {username: a, password: b}}}}"),
    ("", JOB),
]  # fmt: skip


@pytest.mark.parametrize(("metric", "provider"), RIGHT)
def test_what_is_right(tmp_path: Path, metric: str, provider: str) -> None:
    assert lines(load(tmp_path, template(metric, provider=provider, spec="args: [{name: x}]"))) == []


RUN = """\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {generateName: smoke-}
spec: {metrics: [{name: a, successCondition: result > 1, provider: {web: {url: 'http://a'}}}]}
"""


def test_a_run_is_named_after_its_spec(tmp_path: Path) -> None:
    """The same file is the same run, also with other keys first; another spec is another run."""
    names = []
    for number, text in enumerate((RUN, "# again\n" + RUN, RUN.replace("> 1", "> 2"))):
        (tmp_path / str(number)).mkdir()
        loaded = load(tmp_path / str(number), text)
        assert lines(loaded) == []
        names.append(loaded.objects[0].key.name)
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("smoke-")
    assert len(names[0]) == len("smoke-") + 5


@pytest.mark.parametrize("field", ["dryRun", "measurementRetention"])
def test_what_names_metrics_of_a_run_matches_one(tmp_path: Path, field: str) -> None:
    text = template(kind="AnalysisRun", spec=f"{field}: [{{metricName: go+d}}, {{metricName: bad}}]")
    expected = f'spec.{field}[1].metricName: expected what matches the name of a metric, found "bad"'
    assert lines(load(tmp_path, text)) == [expected]


def test_other_kinds_need_a_name(tmp_path: Path) -> None:
    text = RUN.replace("AnalysisRun", "AnalysisTemplate")
    assert_only(lines(load(tmp_path, text)), "metadata.generateName: an object needs the same name")


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("nodeName: c", f'{PROVIDER}.job.spec.template.spec.nodeName: no node is called "c"'),
        (
            "nodeSelector: {disk: ssd}",
            f"{PROVIDER}.job.spec.template.spec.nodeSelector: no node has disk=ssd",
        ),
        ("nodeName: a", ""),
        ("nodeName: '{{args.x}}'", ""),
    ],
)
def test_a_job_goes_to_a_node_that_there_is(tmp_path: Path, place: str, expected: str) -> None:
    provider = JOB.replace("restartPolicy", f"{place}, restartPolicy")
    found = lines(
        load(tmp_path, template(provider=provider, spec="args: [{name: x}]"), fleet=fleet("a", "b"))
    )
    assert len(found) == bool(expected)
    assert all(line.startswith(expected) for line in found)
