"""Small manifests for tests: a Deployment in which one part is exchanged."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

from reconciler.manifests.load import Loaded, load_tree
from reconciler.model.fleet import Fleet


def deployment(
    pod: str = "", *, container: str = "", spec: str = "", name: str = "web", meta: str = ""
) -> str:
    """`pod`: more of the pod's spec, `container`: of its one container, `spec`: of the Deployment's."""
    more = indent(dedent(container).strip("\n"), " " * 10)
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
{indent(dedent(meta), "  ")}
spec:
  selector: {{matchLabels: {{app: web}}}}
{indent(dedent(spec), "  ")}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: nginx:1.29
{more}
{indent(dedent(pod), " " * 6)}
"""


def load(folder: Path, *texts: str, fleet: Fleet | None = None) -> Loaded:
    """Each text as a file of its own: 0.yaml, 1.yaml, ..."""
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    return load_tree(folder, fleet=fleet)


def lines(loaded: Loaded) -> list[str]:
    """Findings without file, line and remedy: `spec.replicas: expected an integer, found "three"`."""
    return [str(finding).split("\n")[0].split(" ", 1)[1] for finding in loaded.findings]


def assert_only(found: list[str], expected: str) -> None:
    """One finding, and it begins like this: nothing is reported twice."""
    assert len(found) == 1, found
    assert found[0].startswith(expected), found[0]


def service(spec: str = "ports: [{port: 80}]", *, name: str = "web", meta: str = "") -> str:
    """A Service for the pods of `deployment`, unless `spec` has its own selector or `selector: null`."""
    chosen = "" if "selector" in spec or "ExternalName" in spec else "selector: {app: web}"
    lines_of = f"{chosen}\n{dedent(spec)}".strip("\n")
    return f"""\
apiVersion: v1
kind: Service
metadata:
  name: {name}
{indent(dedent(meta), "  ")}
spec:
{indent(lines_of, "  ")}
"""


def ingress(*, spec: str = "", path: str = "", meta: str = "", name: str = "web", host: str = "a.lan") -> str:
    """One path of one host that leads to port 80 of Service web; `path`: another one, whole."""
    chosen = path or "{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}"
    return f"""\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
{indent(dedent(meta), "  ")}
spec:
  rules: [{{host: "{host}", http: {{paths: [{chosen}]}}}}]
{indent(dedent(spec), "  ")}
"""


def rollout(
    strategy: str = "{canary: {}}",
    *,
    spec: str = "",
    name: str = "web",
    template: bool = True,
    image: str = "nginx:1.29",
    container: str = "",
) -> str:
    """A Rollout of the pods of `deployment`; `strategy` in YAML's flow style, `spec`: more of its spec,
    `container`: of its one container, in flow style, too.
    """
    pods = f"""\
selector: {{matchLabels: {{app: web}}}}
template:
  metadata: {{labels: {{app: web}}}}
  spec: {{containers: [{{name: web, image: '{image}'{", " if container else ""}{container}}}]}}
"""
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {{name: {name}}}
spec:
{indent(pods if template else "", "  ")}
  strategy: {strategy}
{indent(dedent(spec), "  ")}
"""


def canary(steps: str = "", *, more: str = "", routed: bool = False) -> str:
    """A canary strategy for `rollout`. `routed`: with trafficRouting and Services canary and stable."""
    routing = "canaryService: canary, stableService: stable, trafficRouting: {}, " if routed else ""
    return "{canary: {" + routing + (f"steps: [{steps}], " if steps else "") + more + "}}"


WEB = "{web: {url: 'http://a.lan', jsonPath: '{$.a}'}}"


def template(
    metric: str = "",
    *,
    provider: str = WEB,
    spec: str = "",
    name: str = "good",
    kind: str = "AnalysisTemplate",
) -> str:
    """A template with one metric, `metric`: more of it in flow style; `spec`: more of its spec."""
    told = "result.canary.errors" if "haproxy" in provider else "result"
    condition = "" if "ondition" in metric or "job:" in provider else f"successCondition: {told} > 1, "
    return f"""\
apiVersion: argoproj.io/v1alpha1
kind: {kind}
metadata: {{name: {name}}}
spec:
  metrics: [{{name: {name}, {condition}provider: {provider}{", " if metric else ""}{metric}}}]
{indent(dedent(spec), "  ")}
"""
