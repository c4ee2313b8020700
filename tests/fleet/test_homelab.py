"""Manifests as people write them for their homes start on real nodes, with only the world around replaced.

Another image that sleeps instead of the program, commands of probes and hooks that succeed, folders of the
test for those of the host, a volume of its own for nfs. Everything else is as in tests/manifests/homelab.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.lab import Lab
from tests.fleet.site import Site
from tests.manifests.test_homelab import FILES

pytestmark = pytest.mark.fleet

SLEEP = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
PRIVILEGED = "zigbee2mqtt.yaml"
"""A lab doesn't hand out every right that a whole machine has: this one is translated only."""

_WITHOUT_PODS = (
    "ConfigMap",
    "Endpoints",
    "EndpointSlice",
    "Ingress",
    "IngressClass",
    "Namespace",
    "Secret",
    "Service",
)


def test_every_one_of_them_runs(clean_lab: Lab, tmp_path: Path) -> None:
    site = Site(clean_lab, tmp_path, network=True)
    names = [node.name for node in clean_lab.nodes]
    wanted = 0
    for file in FILES:
        if file.name != PRIVILEGED:
            objects = [one for doc in yaml.safe_load_all(file.read_text()) for one in doc.get("items", [doc])]
            wanted += sum(_adapted(one, site.image("v1"), names, tmp_path) for one in objects)
            site.write(yaml.safe_dump_all(objects), file.name)
    site.run("apply", "--timeout", "180s", timeout=220)
    assert len({(p.node, p.pod) for p in site.pods()}) == wanted, site.status()


def _adapted(value: dict[str, Any], image: str, names: list[str], folder: Path) -> int:
    """The number of pods that this object wants."""
    if value["kind"] in _WITHOUT_PODS:
        return 0
    spec = value["spec"]["template"]["spec"] if "template" in value["spec"] else value["spec"]
    for container in spec.get("initContainers", []):
        _container(container, image, SLEEP if "restartPolicy" in container else ["true"])
    for container in spec["containers"]:
        _container(container, image, SLEEP)
    for volume in spec.get("volumes", []):
        if "nfs" in volume:
            del volume["nfs"]
            volume["emptyDir"] = {}
        if "hostPath" in volume:
            path = folder / "host" / volume["hostPath"]["path"].strip("/")
            path.mkdir(parents=True, exist_ok=True)
            volume["hostPath"] = {"path": str(path), "type": volume["hostPath"].get("type", "")}
    _place(spec, names)
    return int(value["spec"].get("replicas", 1))


def _container(container: dict[str, Any], image: str, command: list[str]) -> None:
    container |= {"image": image, "imagePullPolicy": "IfNotPresent", "command": command}
    container.pop("args", None)
    container.get("resources", {}).get("requests", {}).pop("gpu.intel.com/i915", None)
    if "resources" in container:  # the homes' machines have more than two CPUs each
        container["resources"].setdefault("requests", {})["cpu"] = "1m"
    container.get("resources", {}).get("limits", {}).pop("gpu.intel.com/i915", None)
    for mount in container.get("volumeMounts", []):
        mount.pop("mountPropagation", None)  # a lab's nodes share this machine's mounts, which may be private
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        if name in container:
            handlers = ("httpGet", "tcpSocket", "grpc", "exec")
            numbers = {key: value for key, value in container[name].items() if key not in handlers}
            container[name] = {**numbers, "exec": {"command": ["true"]}, "initialDelaySeconds": 0}
    for handler in container.get("lifecycle", {}).values():
        if "exec" in handler:
            handler["exec"] = {"command": ["true"]}


def _place(spec: dict[str, Any], names: list[str]) -> None:
    """The homes' nodes are the lab's; a camera and another architecture are nowhere."""
    known = dict(zip(("pi-1", "pi-2", "nuc"), names, strict=True))
    if "nodeName" in spec:
        spec["nodeName"] = known[spec["nodeName"]]
    if "nodeSelector" in spec:
        spec["nodeSelector"] = {key: known[value] for key, value in spec["nodeSelector"].items()}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    if required in spec.get("affinity", {}).get("nodeAffinity", {}):
        everywhere = {"key": "kubernetes.io/arch", "operator": "Exists"}
        spec["affinity"]["nodeAffinity"][required]["nodeSelectorTerms"] = [{"matchExpressions": [everywhere]}]
