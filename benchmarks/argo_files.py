"""Argo Rollouts' examples as files for a lab: what they hold and need, and stand-ins for what isn't here.

Only what names another world is changed, by rule: images, addresses in the Internet, names to be filled in,
and a chart's templates. `own_proxy` is what an error about a traffic router says to write instead.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KINDS = ("Rollout", "AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun")
_KIND = re.compile(rf'^ *kind: *"?({"|".join(KINDS)})"? *$', re.MULTILINE)
PLACEHOLDERS = re.compile(r"REPLACEME|ROLLOUT_NAME|\$\$name\$\$")
FOREIGN = (
    *("VirtualService", "DestinationRule", "Gateway", "Mapping", "ApisixRoute", "TrafficSplit"),
    *("Mesh", "VirtualRouter", "VirtualNode"),
)
"""Kinds by which another traffic router is told what to do."""

Document = dict[str, Any]


@dataclass(frozen=True)
class StandIns:
    """The first version's images: `web` listens on 8080, `nginx` on 80, `echo` on 8080 whatever arguments it
    is given. `answers` is where the Internet is. `registry` has nothing else: what isn't mapped can't be
    pulled.
    """

    web: str
    nginx: str
    echo: str
    registry: str
    answers: str


@dataclass(frozen=True)
class Example:
    """`path` is relative to the clone. `needs` are other files of it, `text` what the file says.

    `documents` is empty where the file is no YAML; then it is tried as it stands.
    """

    path: str
    text: str
    documents: tuple[Document, ...] = ()
    needs: tuple[str, ...] = ()

    def of(self, *kinds: str) -> list[Document]:
        return [d for d in self.documents if d.get("kind") in kinds]

    @property
    def kinds(self) -> str:
        return ", ".join(sorted({d["kind"] for d in self.of(*KINDS)} or set(_KIND.findall(self.text))))


def examples(clone: Path, folders: Iterable[str]) -> list[Example]:
    """Every file of these folders with one of the kinds, with the documents of their other files that it
    needs.
    """
    files = sorted(file for folder in folders for file in (clone / folder).rglob("*.yaml"))
    texts = {str(file.relative_to(clone)): file.read_text() for file in files}
    library = {path: _documents(_filled(text, path, clone)) for path, text in texts.items()}
    return [_example(path, text, library) for path, text in texts.items() if _KIND.search(text)]


def _example(path: str, text: str, library: Mapping[str, list[Document]]) -> Example:
    documents = list(library[path])
    used: list[str] = []
    for _ in range(3):  # what is needed may need something itself: a template, its Secret
        for place, found in _candidates(path, library):
            near = Path(place).parent == Path(path).parent
            alone = near and not any(d.get("kind") in KINDS for d in found)
            more = [d for d in found if _needed(d, documents, near=near, alone=alone)]
            if more:
                documents += more
                used += [place] if place not in used else []
    return Example(path=path, text=text, documents=tuple(documents), needs=tuple(used))


def _candidates(path: str, library: Mapping[str, list[Document]]) -> Iterator[tuple[str, list[Document]]]:
    """Other files: those of its own folder first."""
    folder = Path(path).parent
    yield from sorted(
        ((p, d) for p, d in library.items() if p != path), key=lambda x: (Path(x[0]).parent != folder, x[0])
    )


def _needed(document: Document, by: list[Document], *, near: bool, alone: bool) -> bool:
    """It is named by what is there already and isn't there, or it is a Service of the same pods in a file of
    its own next to it.
    """
    kind, name = document.get("kind"), (document.get("metadata") or {}).get("name")
    if not name or any(d.get("kind") == kind and d["metadata"].get("name") == name for d in by):
        return False
    if kind in ("AnalysisTemplate", "ClusterAnalysisTemplate"):
        return name in _templates(by, cluster=kind.startswith("Cluster"))
    if kind in ("Service", "Ingress") and near:
        named = any(name in _strings(d["spec"].get("strategy", {})) for d in by if d.get("kind") == "Rollout")
        return named or (alone and kind == "Service" and _selects(document, by))
    return False


def _selects(service: Document, by: list[Document]) -> bool:
    selector = service.get("spec", {}).get("selector", {})
    templates = [d["spec"].get("template", {}) for d in by if d.get("kind") == "Rollout"]
    labels = [t.get("metadata", {}).get("labels", {}) for t in templates]
    return bool(selector) and any(selector.items() <= found.items() for found in labels)


def _templates(documents: list[Document], *, cluster: bool) -> set[str]:
    found: set[str] = set()
    for document in documents:
        for node in _mappings(document):
            if "templateName" in node and bool(node.get("clusterScope")) == cluster:
                found.add(node["templateName"])
    return found


def _mappings(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _mappings(part)


def _strings(node: object) -> set[str]:
    every = (part for mapping in _mappings(node) for part in mapping.values())
    return {v for part in every for v in (part if isinstance(part, list) else [part]) if isinstance(v, str)}


def _documents(text: str) -> list[Document]:
    try:
        return [d for d in yaml.safe_load_all(text) if isinstance(d, dict)]
    except yaml.YAMLError:
        return []


def _filled(text: str, path: str, clone: Path) -> str:
    """Names to be filled in; a Helm chart's templates with the chart's own values."""
    text = PLACEHOLDERS.sub("example", text)
    chart = (clone / path).parents[1]
    return _rendered(text, chart) if (chart / "Chart.yaml").is_file() else text


def _rendered(text: str, chart: Path) -> str:
    """As much of Helm as a chart needs that has names, values and empty `with` blocks."""
    values = {"Values": yaml.safe_load((chart / "values.yaml").read_text())}
    about = yaml.safe_load((chart / "Chart.yaml").read_text())
    values |= {"Chart": {"Name": about["name"]}, "Release": {"Name": "example", "Service": "Helm"}}

    def value(dotted: str) -> Any:
        found: Any = values
        for part in dotted.strip(".").split("."):
            found = found[part]
        return found

    def block(match: re.Match[str]) -> str:
        assert not value(match[1]), f"{chart}: {match[1]} isn't empty"
        return ""

    def indented(match: re.Match[str]) -> str:
        lines = yaml.safe_dump(value(match[1])).splitlines()
        return "\n".join(" " * int(match[2]) + line for line in lines)

    text = re.sub(r"^ *\{\{- with (\S+) \}\}\n.*?\{\{- end \}\}\n?", block, text, flags=re.S | re.M)
    text = re.sub(r"\{\{ toYaml (\S+) \| indent (\d+) \}\}", indented, text)
    text = re.sub(r'\{\{ template "\S+\.chart" \. \}\}', f"{about['name']}-{about['version']}", text)
    text = re.sub(r'\{\{ template "\S+" \. \}\}', "example", text)
    return re.sub(r"\{\{ (\.\S+) \}\}", lambda m: str(value(m[1])), text)


def mapped(example: Example, stand_ins: StandIns) -> list[Document]:
    """With images and addresses that are here. What has only `generateName` is called by it."""
    documents = copy.deepcopy(list(example.documents))
    for document in documents:
        if name := document.get("metadata", {}).pop("generateName", None):
            document["metadata"]["name"] = name.strip("-")
        for node in _mappings(document):
            for key, found in node.items():
                if isinstance(found, str):
                    node[key] = _here(key, found, stand_ins, low=_listens_low(node))
        if document.get("kind") == "Secret":
            _secret(document, stand_ins)
    return documents


def _listens_low(container: Document) -> bool:
    ports = container.get("ports")
    return isinstance(ports, list) and any(port.get("containerPort") == 80 for port in ports)


def _here(key: str, text: str, stand_ins: StandIns, *, low: bool = False) -> str:
    if key == "image":
        return _image(text, stand_ins, low=low)
    text = re.sub(r"https://dns\.google/resolve\S*", f"{stand_ins.answers}/dns", text)
    text = re.sub(r"https://kubernetes\.default\.svc/version", f"{stand_ins.answers}/version", text)
    return re.sub(r"https://gist\.githubusercontent\.com/\S*", f"{stand_ins.answers}/gist", text)


def _image(image: str, stand_ins: StandIns, *, low: bool) -> str:
    name = image.partition(":")[0]
    if name == "nginx" or low:
        return stand_ins.nginx
    if name in ("argoproj/rollouts-demo", "alpine", "busybox"):
        return stand_ins.web
    if name == "hashicorp/http-echo":
        return stand_ins.echo
    return f"{stand_ins.registry}/{name.replace('/', '-')}:v1"


def _secret(secret: Document, stand_ins: StandIns) -> None:
    for key, value in secret.get("data", {}).items():
        plain = _here(key, base64.b64decode(value).decode(), stand_ins)
        secret["data"][key] = base64.b64encode(plain.encode()).decode()


def changed(documents: Iterable[Document]) -> list[Document]:
    """The second version: the pods' images are others, and nothing else. Analyses keep theirs."""
    found = copy.deepcopy(list(documents))
    for document in found:
        if document.get("kind") in ("Rollout", "Deployment"):
            for node in _mappings(document["spec"].get("template", {})):
                if "image" in node:
                    node["image"] = node["image"].removesuffix(":v1") + ":v2"
    return found


def own_proxy(documents: Iterable[Document]) -> list[Document]:
    """Another traffic router's part taken out: `trafficRouting: {}`, named services, no foreign kinds."""
    found = [d for d in copy.deepcopy(list(documents)) if d.get("kind") not in FOREIGN]
    for document in found:
        canary = document.get("spec", {}).get("strategy", {}).get("canary")
        if document.get("kind") != "Rollout" or not canary or "trafficRouting" not in canary:
            continue
        routing = canary["trafficRouting"]
        canary["trafficRouting"] = {
            k: routing[k] for k in ("managedRoutes", "maxTrafficWeight") if k in routing
        }
        if both := canary.pop("pingPong", None):
            canary |= {"canaryService": both["pingService"], "stableService": both["pongService"]}
        _name_services(canary, [d for d in found if d.get("kind") == "Service"])
    return found


def _name_services(canary: Document, services: list[Document]) -> None:
    """With a mesh's subsets there is one Service; a split needs a stable one, and that is it."""
    if "stableService" not in canary and len(services) == 1:
        canary["stableService"] = services[0]["metadata"]["name"]


def written(documents: Iterable[Document]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)
