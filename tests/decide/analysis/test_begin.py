"""A run at its beginning: templates in templates, arguments from everywhere, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide.analysis.arguments import field, in_full
from reconciler.decide.analysis.begin import for_delivery
from reconciler.decide.analysis.reasons import Unfit
from reconciler.model.delivery import RunState
from reconciler.model.desired import Desired
from tests.decide.analysis.builders import NOW, asked, job_metric, metric, template, with_templates
from tests.decide.builders import rollout

FIELDS = {
    "metadata": {"name": "web", "labels": {"env": "prod", "example.org/team": "a"}, "annotations": {}},
    "spec": {
        "replicas": 3,
        "paused": False,
        "template": {"metadata": {"labels": {"version": "v2"}}},
        "list": [{"x": "first"}],
    },
}


def begun(whole: Desired, *templates: str, **more: Any) -> RunState:
    return for_delivery(whole, asked(*templates, **more), NOW)


def url(run: RunState, name: str = "rate") -> str:
    assert run.phase == "Running", run.message
    web = next(m for m in run.spec.metrics if m.name == name).provider.web
    assert web is not None
    return web.url


def with_url(text: str, *args: dict[str, Any]) -> Desired:
    return with_templates(
        template("checks", {"name": "rate", "provider": {"web": {"url": text}}}, args=list(args))
    )


def test_templates_name_templates_of_both_kinds_each_once() -> None:
    whole = with_templates(
        template(
            "top",
            {"name": "a"},
            templates=[{"templateName": "mid"}, {"templateName": "all", "clusterScope": True}],
        ),
        template(
            "mid",
            {"name": "b"},
            templates=[{"templateName": "top"}, {"templateName": "all", "clusterScope": True}],
        ),
        template("all", {"name": "c"}, cluster=True),
    )
    assert [m.name for m in begun(whole, "top", "mid").spec.metrics] == ["a", "b", "c"]


def test_what_is_given_wins_over_the_template() -> None:
    whole = with_url("http://{{args.host}}/{{ args.path }}", {"name": "host", "value": "a"}, {"name": "path"})
    assert url(begun(whole, "checks", args=[{"name": "path", "value": "p"}])) == "http://a/p"
    both = [{"name": "path", "value": 5}, {"name": "host", "value": True}, {"name": "more", "value": "x"}]
    assert url(begun(whole, "checks", args=both)) == "http://true/5"


def test_an_argument_that_two_templates_declare_has_the_value_of_either() -> None:
    whole = with_templates(
        template("a", {"name": "rate", "provider": {"web": {"url": "{{args.x}}"}}}, args=[{"name": "x"}]),
        template("b", args=[{"name": "x", "value": "1"}]),
        template("c", args=[{"name": "x", "value": "2"}]),
    )
    assert url(begun(whole, "a", "b")) == "1"
    assert begun(whole, "b", "c").message == 'two templates give the argument "x" different values'


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ({"podTemplateHashValue": "Latest"}, "new"),
        ({"podTemplateHashValue": "Stable"}, "old"),
        ({"fieldRef": {"fieldPath": "metadata.name"}}, "web"),
        ({"fieldRef": {"fieldPath": "metadata.labels['env']"}}, "prod"),
        ({"fieldRef": {"fieldPath": "metadata.labels['nope']"}}, ""),
        ({"fieldRef": {"fieldPath": "metadata.labels"}}, 'env="prod"\nexample.org/team="a"'),
        ({"fieldRef": {"fieldPath": "metadata.annotations"}}, ""),
        ({"fieldRef": {"fieldPath": 'metadata.labels["example.org/team"]'}}, "a"),
        ({"fieldRef": {"fieldPath": "spec.template.metadata.labels.version"}}, "v2"),
        ({"fieldRef": {"fieldPath": "spec.replicas"}}, "3"),
        ({"fieldRef": {"fieldPath": "spec.paused"}}, "false"),
        ({"fieldRef": {"fieldPath": "spec.list[0].x"}}, "first"),
    ],
)
def test_values_from_elsewhere(source: dict[str, Any], value: str) -> None:
    whole = with_url("{{args.x}}", {"name": "x"})
    args = [{"name": "x", "valueFrom": source}]
    run = begun(whole, "checks", args=args, template_hash="new", stable_hash="old", fields=FIELDS)
    assert url(run) == value


def test_a_field_with_its_default_value_can_be_read() -> None:
    """Models leave their defaults out when they are written down."""
    fields = in_full(rollout({"canary": {"steps": [{"setWeight": 5}]}}, replicas=1))
    for path, value in (
        ("spec.replicas", "1"),
        ("spec.paused", "false"),
        ("spec.strategy.canary.maxSurge", "25%"),
        ("spec.strategy.canary.steps[0].setWeight", "5"),
        ("spec.template.spec.containers[0].image", "web:v1"),
    ):
        assert field(fields, path, "x") == value
    for path in ("spec.restartAt", "spec.workloadRef", "spec.workloadRef.name"):
        with pytest.raises(Unfit, match="the object has no"):
            field(fields, path, "x")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("metadata.nope['x']", "the object has no metadata.nope['x']"),
        ("spec.replicas.x", "the object has no spec.replicas.x"),
        ("spec.list[9].x", "the object has no spec.list[9].x"),
        ("spec.template.metadata.labels", "spec.template.metadata.labels is more than one value"),
        ("metadata.labels['env", "isn't the path of a field"),
    ],
)
def test_a_field_that_is_not_there_is_an_error_that_names_it(path: str, said: str) -> None:
    whole = with_url("{{args.x}}", {"name": "x"})
    args = [{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    run = begun(whole, "checks", args=args, fields=FIELDS)
    assert (run.phase, run.completed_at) == ("Error", NOW)
    assert said in run.message
    assert 'argument "x"' in run.message


def test_arguments_go_everywhere_and_numbers_with_them() -> None:
    whole = with_templates(
        template(
            "checks",
            {
                "name": "rate",
                "count": "{{args.n}}",
                "interval": "{{args.n}}s",
                "failureLimit": "{{ args.n }}",
                "successCondition": "result > {{args.n}}",
                "provider": {
                    "web": {
                        "url": "u",
                        "method": "POST",
                        "headers": [{"key": "X", "value": "{{args.n}}"}],
                        "jsonBody": {"{{args.n}}": ["{{args.n}}", 1]},
                    }
                },
            },
            args=[{"name": "n", "value": 7}],
        )
    )
    made = begun(whole, "checks").spec.metrics[0]
    assert (made.count, made.interval, made.failure_limit, made.success_condition) == (
        "7",
        "7s",
        "7",
        "result > 7",
    )
    assert made.provider.web is not None
    assert made.provider.web.headers[0].value == "7"
    assert made.provider.web.json_body == {"7": ["7", 1]}


def test_an_argument_has_any_name() -> None:
    assert url(begun(with_url("{{args.größe/x}}", {"name": "größe/x", "value": "5"}), "checks")) == "5"


def test_a_secret_stays_a_reference() -> None:
    token = {"name": "token", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
    run = begun(with_url("http://x/?t={{args.token}}", token), "checks")
    assert url(run) == "http://x/?t={{args.token}}"
    source = run.spec.args[0].value_from
    assert run.spec.args[0].value is None
    assert source is not None and source.secret_key_ref is not None
    assert source.secret_key_ref.name == "api"


SECRET = {"name": "s", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}
FEW = {"name": "few", "value": "few"}
JOB = msgspec.to_builtins(job_metric().provider)
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"interval": "soon"}, "interval must be a duration such as 30s"),
    ({"interval": "30"}, "interval must be a duration"),
    ({"initialDelay": "x"}, "initialDelay must be a duration"),
    ({"count": "many"}, 'count must be a whole number, not "many"'),
    ({"count": 2}, "a count above 1 needs an interval"),
    ({"failureLimit": -2}, "a limit can't be negative"),
    ({"inconclusiveLimit": -1}, "a limit can't be negative"),
    (
        {"count": 2, "interval": "9s", "failureLimit": 2, "consecutiveSuccessLimit": 1},
        "count is 2, and failureLimit and consecutiveSuccessLimit need 3",
    ),
    ({"count": 1, "inconclusiveLimit": 2}, "count is 1, and inconclusiveLimit is 2"),
    ({"failureLimit": -1}, "needs a consecutiveSuccessLimit"),
    ({"successCondition": "result >"}, 'successCondition "result >": an operator or a value'),
    ({"failureCondition": "results > 1"}, 'there is no "results"'),
    ({"successCondition": "result == '{{args.s}}'"}, "a Secret's value can't stand in successCondition"),
    (
        {"provider": msgspec.to_builtins(job_metric(backoff="{{args.few}}").provider)},
        'backoffLimit must be a whole number, not "few"',
    ),
    ({"provider": msgspec.to_builtins(job_metric(backoff=-1).provider)}, "backoffLimit can't be negative"),
    ({"provider": {}}, "exactly one provider is needed"),
    ({"provider": {"web": {"url": "x"}, "haproxy": {}}}, "exactly one provider is needed"),
    ({"provider": {"web": {"url": "{{args.nope}}"}}}, 'there is no argument "nope"'),
]


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_a_metric_that_cannot_be_measured_ends_the_run_in_words(fields: dict[str, Any], said: str) -> None:
    whole = with_templates(template("checks", {"name": "rate", **fields}, args=[SECRET, FEW]))
    run = begun(whole, "checks")
    assert run.phase == "Error"
    assert said in run.message
    assert 'metric "rate"' in run.message


def test_limits_of_a_metric_without_a_count_are_its_own_affair() -> None:
    """Argo Rollouts compares them with a count that is written only."""
    limits = {"failureLimit": 3, "inconclusiveLimit": 2}
    assert begun(with_templates(template("checks", {"name": "rate", **limits})), "checks").phase == "Running"


def test_a_job_cannot_hold_a_secret() -> None:
    job = msgspec.to_builtins(job_metric())["provider"]
    job["job"]["spec"]["template"]["spec"]["containers"][0]["args"] = ["{{args.s}}"]
    run = begun(
        with_templates(template("checks", {"name": "rate", "provider": job}, args=[SECRET])), "checks"
    )
    assert "let the container read the Secret" in run.message


def test_templates_that_do_not_fit_together() -> None:
    whole = with_templates(template("a", {"name": "x"}), template("b", {"name": "x"}), template("none"))
    assert 'both have a metric "x"' in begun(whole, "a", "b").message
    assert begun(whole, "none").message == "there is no metric to measure"
    assert begun(whole).message == "the analysis names no template"


def test_a_template_that_is_not_there() -> None:
    whole = with_templates(
        template("top", {"name": "a"}, templates=[{"templateName": "lost"}]), template("all", cluster=True)
    )
    assert begun(whole, "nope").message == "there is no AnalysisTemplate default/nope"
    assert "lost, which AnalysisTemplate default/top names" in begun(whole, "top").message
    assert "write clusterScope: true" in begun(whole, "all").message


def test_an_argument_without_a_value() -> None:
    run = begun(with_url("{{args.x}}", {"name": "x"}), "checks")
    assert run.message == 'the argument "x" has no value: give it one in args, or in the template'


def test_dry_run_of_both_sides_and_delays() -> None:
    whole = with_templates(
        template("checks", {"name": "a", "initialDelay": "30s"}, {"name": "b"}, dryRun=[{"metricName": "a"}])
    )
    run = begun(whole, "checks")
    assert [(s.dry_run, s.next_at) for s in run.metrics.values()] == [(True, NOW + 30), (False, NOW)]
    assert metric().name == "rate"
