"""Rules about what a metric asks: one provider, addresses that lead somewhere, a job that ends."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.conditions import ConditionError, moment
from reconciler.manifests.arguments import has_argument, shown_again, with_stand_ins
from reconciler.manifests.documents import Path
from reconciler.manifests.rules import metadata, pods
from reconciler.manifests.rules.amounts import amount, length
from reconciler.manifests.said import Said, shown
from reconciler.model.analysis import JobMetric, MetricProvider, PrometheusMetric, WebHeader, WebMetric
from reconciler.model.meta import ObjectMeta
from reconciler.model.pod import PodTemplate

_ADDRESS = re.compile(r"https?://[^\s/]+\S*")


def check(provider: MetricProvider, path: Path) -> Iterator[Said]:
    given = [name for name in provider.__struct_fields__ if getattr(provider, name) is not None]
    if len(given) != 1:
        names = ", ".join(provider.__struct_fields__)
        message = f"expected one of {names}, found {' and '.join(given) or 'none'}"
        remedy = "give each its own metric" if given else "add one"
        yield Said(path, message, remedy, rule="metric")
    if provider.prometheus:
        yield from _prometheus(provider.prometheus, (*path, "prometheus"))
    if provider.web:
        yield from _web(provider.web, (*path, "web"))
    if provider.job:
        yield from _job(provider.job, (*path, "job"))
    if provider.haproxy:
        yield from amount(provider.haproxy.min_requests, (*path, "haproxy", "minRequests"))


def _address(text: str, path: Path) -> Iterator[Said]:
    if not has_argument(text) and not _ADDRESS.fullmatch(text):
        message = f"expected a web address, found {shown(text)}"
        yield Said(path, message, "write it as http://prometheus.example.com:9090", rule="metric")


def _headers(headers: Sequence[WebHeader], path: Path) -> Iterator[Said]:
    """A value may be a password: it is never shown."""
    for index, header in enumerate(headers):
        if not header.value.isprintable():
            message = "holds characters that no header can have"
            at = (*path, index, "value")
            yield Said(at, message, "remove control characters and line breaks", rule="metric")


def _prometheus(metric: PrometheusMetric, path: Path) -> Iterator[Said]:
    yield from _address(metric.address, (*path, "address"))
    yield from _headers(metric.headers, (*path, "headers"))
    if not metric.query.strip():
        yield Said((*path, "query"), "is empty", "write a query of PromQL", rule="metric")
    yield from amount(metric.timeout, (*path, "timeout"))
    if within := metric.range_query:
        at = (*path, "rangeQuery")
        for name, text in (("start", within.start), ("end", within.end), ("step", within.step)):
            if not text.strip():
                remedy = "a range has a start, an end and a step"
                yield Said((*at, name), "is missing", remedy, rule="required")
        yield from _time(within.start, (*at, "start"))
        yield from _time(within.end, (*at, "end"))
        yield from length(within.step, (*at, "step"))


def _time(text: str, path: Path) -> Iterator[Said]:
    if not text.strip() or "{{" in text:
        return
    try:
        moment(text, 0.0)
    except ConditionError as error:
        message = f"expected a time, found {shown(text)}: {error}"
        yield Said(path, message, 'write it as now() - duration("5m")', rule="metric")


def _web(metric: WebMetric, path: Path) -> Iterator[Said]:
    yield from _address(metric.url, (*path, "url"))
    yield from _headers(metric.headers, (*path, "headers"))
    yield from amount(metric.timeout_seconds, (*path, "timeoutSeconds"))
    if metric.body and metric.json_body is not None:
        yield Said((*path, "jsonBody"), "excludes body", "keep one of the two", rule="metric")
    elif (metric.body or metric.json_body is not None) and metric.method in ("GET", ""):
        name = "body" if metric.body else "jsonBody"
        message = "isn't sent with GET"
        yield Said((*path, name), message, "write method: POST, or PUT", rule="metric")


def _job(metric: JobMetric, path: Path) -> Iterator[Said]:
    """Kubernetes: the pods of a Job aren't started again for ever (ValidateJobSpec)."""
    spec = metric.spec
    at = (*path, "spec")
    yield from _meta(metric.metadata, (*path, "metadata"))
    yield from metadata.notes(spec, at)
    yield from amount(spec.backoff_limit, (*at, "backoffLimit"))
    template, texts = with_stand_ins(spec.template)
    for said in _template(template, (*at, "template")):
        yield said._replace(message=shown_again(said.message, texts), found=shown_again(said.found, texts))


def _template(template: PodTemplate, path: Path) -> Iterator[Said]:
    yield from _meta(template.metadata, (*path, "metadata"))
    yield from metadata.of_pod(template.metadata, (*path, "metadata"))
    if template.spec.restart_policy == "Always":
        message = "expected Never or OnFailure, found Always"
        remedy = "write restartPolicy: Never: a job ends"
        yield Said((*path, "spec", "restartPolicy"), message, remedy, rule="restart-policy")
    yield from pods.check(template.spec, (*path, "spec"))


def _meta(meta: ObjectMeta, path: Path) -> Iterator[Said]:
    yield from metadata.of_meta(meta, path)
    for name, given in (("name", meta.name), ("namespace", meta.namespace)):
        if given:
            why = "has no effect: the pod of a measurement has the name and the namespace of its run"
            yield Said((*path, name), why, severity="note", rule="no-effect")
