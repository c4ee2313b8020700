"""What `benchmarks.argo_examples` makes of another project's files, on files of our own."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from benchmarks.argo_files import Example, StandIns, changed, examples, mapped, own_proxy

HERE = StandIns("lab/web:v1", "lab/nginx:v1", "lab/echo:v1", "lab", "http://127.0.0.1:1")

ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: REPLACEME}
spec:
  selector: {matchLabels: {app: REPLACEME}}
  template:
    metadata: {labels: {app: REPLACEME}}
    spec: {containers: [{name: a, image: "argoproj/rollouts-demo:blue"}]}
  strategy:
    canary:
      canaryService: canary
      trafficRouting: {alb: {ingress: a}, managedRoutes: [{name: testers}]}
      analysis: {templates: [{templateName: smoke}]}
"""
TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: smoke}
spec:
  metrics:
    - {name: a, provider: {job: {spec: {template: {spec: {containers: [{image: "alpine:3.8"}]}}}}}}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {selector: {app: %s}}\n"


def clone(root: Path, **files: str) -> dict[str, Example]:
    """`a__b` is the file `a/b.yaml`."""
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {example.path: example for example in examples(root, ["."])}


def names(example: Example) -> list[str]:
    return [f"{d['kind']} {d['metadata']['name']}" for d in example.documents]


def test_an_example_brings_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    services = (("canary", "x"), ("root", "example"), ("no", "x"))
    found = clone(
        tmp_path,
        one__rollout=ROLLOUT,
        one__services="---\n".join(SERVICE % both for both in services),
        two__templates=TEMPLATE,
        two__services=SERVICE % ("canary", "example"),
    )
    assert set(found) == {"one/rollout.yaml", "two/templates.yaml"}
    example = found["one/rollout.yaml"]
    assert names(example) == ["Rollout example", "Service canary", "Service root", "AnalysisTemplate smoke"]
    assert example.needs == ("one/services.yaml", "two/templates.yaml")


def test_a_file_that_is_no_yaml_is_an_example_without_documents(tmp_path: Path) -> None:
    found = clone(tmp_path, bad="kind: Rollout\n  - x: [\n")
    assert (found["bad.yaml"].documents, found["bad.yaml"].kinds) == ((), "Rollout")


@pytest.mark.parametrize(
    ("container", "image"),
    [
        ({"image": "argoproj/rollouts-demo:blue"}, "lab/web:v1"),
        ({"image": "argoproj/rollouts-demo:red", "ports": [{"containerPort": 80}]}, "lab/nginx:v1"),
        ({"image": "nginx:1.19-alpine"}, "lab/nginx:v1"),
        ({"image": "hashicorp/http-echo", "args": ["-text=1"]}, "lab/echo:v1"),
        ({"image": "not/there:latest"}, "lab/not-there:v1"),
    ],
)
def test_images_are_mapped_by_the_port_that_they_listen_on(container: dict[str, object], image: str) -> None:
    example = Example("a.yaml", "", ({"kind": "Rollout", "spec": {"template": {"spec": container}}},))
    assert mapped(example, HERE)[0]["spec"]["template"]["spec"]["image"] == image


def test_addresses_in_the_internet_are_mapped_also_in_secrets() -> None:
    url = "https://gist.githubusercontent.com/someone/1/raw"
    secret = {"kind": "Secret", "data": {"url": base64.b64encode(url.encode()).decode()}}
    run = {
        "kind": "AnalysisRun",
        "metadata": {"generateName": "run-"},
        "spec": {"url": "https://dns.google/resolve?a"},
    }
    found = mapped(Example("a.yaml", "", (secret, run)), HERE)
    assert base64.b64decode(found[0]["data"]["url"]).decode() == "http://127.0.0.1:1/gist"
    assert (found[1]["metadata"], found[1]["spec"]) == ({"name": "run"}, {"url": "http://127.0.0.1:1/dns"})


def test_the_second_version_has_other_pods_and_the_same_analyses(tmp_path: Path) -> None:
    found = clone(tmp_path, rollout=ROLLOUT, templates=TEMPLATE)["rollout.yaml"]
    first = mapped(found, HERE)
    second = changed(first)
    assert first[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "lab/web:v1"
    assert second[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "lab/web:v2"
    assert second[1] == first[1]


def test_another_router_is_exchanged_for_our_proxy(tmp_path: Path) -> None:
    text = f"{ROLLOUT}---\n{SERVICE % ('only', 'example')}---\nkind: VirtualService\nmetadata: {{name: a}}\n"
    found = own_proxy(clone(tmp_path, rollout=text)["rollout.yaml"].documents)
    assert [d["kind"] for d in found] == ["Rollout", "Service"]
    canary = found[0]["spec"]["strategy"]["canary"]
    assert canary["trafficRouting"] == {"managedRoutes": [{"name": "testers"}]}
    assert (canary["stableService"], canary["canaryService"]) == ("only", "canary")


def test_a_chart_is_rendered_with_its_own_values(tmp_path: Path) -> None:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").write_text("{name: shop, version: 1.0.0}")
    (tmp_path / "chart" / "values.yaml").write_text("{count: 2, resources: {}, nodeSelector: {}}")
    text = """kind: Rollout
metadata: {name: {{ template "shop.fullname" . }}, labels: {chart: {{ template "shop.chart" . }}}}
spec:
  replicas: {{ .Values.count }}
  resources:
{{ toYaml .Values.resources | indent 4 }}
    {{- with .Values.nodeSelector }}
      nodeSelector:
{{ toYaml . | indent 8 }}
    {{- end }}
"""
    (found,) = clone(tmp_path, chart__templates__rollout=text)["chart/templates/rollout.yaml"].documents
    assert found["metadata"] == {"name": "example", "labels": {"chart": "shop-1.0.0"}}
    assert found["spec"] == {"replicas": 2, "resources": {}}
