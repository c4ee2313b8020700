"""Manifests as people write them for their homes: what `validate` says of each, and what Docker gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.decide.version import wanted_version
from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.pod import DockerPod, images_to_ask, translate
from reconciler.manifests.desired import DigestCache, desired
from reconciler.manifests.load import Loaded, load_tree
from reconciler.model.fleet import Fleet
from reconciler.model.observed import NodeFacts
from reconciler.model.revision import Revision

FOLDER = Path(__file__).parent / "homelab"
FILES = sorted(FOLDER.glob("*.yaml"))
FLEET = msgspec.yaml.decode(
    """
apiVersion: reconciler.io/v1
kind: Fleet
metadata: {name: home}
spec:
  network: {ingress: {acme: {email: me@example.com}}}
  nodes:
    - {name: pi-1, address: "ssh://pi@pi-1", labels: {camera: front}}
    - {name: pi-2, address: "ssh://pi@pi-2"}
    - {name: nuc, address: "ssh://pi@nuc", annotations: {reconciler.io/capacity: gpu.intel.com/i915=1}}
""",
    type=Fleet,
)
PLACE = Place(
    fleet="home", network="home_pods", host_ip="10.0.0.5", facts=NodeFacts(cpu_milli=4000, memory=2**33)
)
TEMPLATE = "spec.template.spec"

SAID: dict[str, list[str]] = {
    "adguard": ["spec.ipFamilyPolicy note"],
    "hardened": [
        f"{TEMPLATE}.automountServiceAccountToken note",
        f"{TEMPLATE}.containers[0].terminationMessagePolicy note",
    ],
    "home-assistant": [f"{TEMPLATE}.enableServiceLinks note"],
    "jellyfin": [
        f"{TEMPLATE}.securityContext.fsGroupChangePolicy note",
        f"{TEMPLATE}.containers[0].resources.limits[gpu.intel.com/i915] note",
        f"{TEMPLATE}.volumes[1].emptyDir.sizeLimit note",
    ],
    "legacy": [
        "spec.template.metadata.name note",
        f"{TEMPLATE}.containers[0].image warning",
        "metadata.uid note",
        "metadata.resourceVersion note",
        f"{TEMPLATE}.schedulerName note",
        "status note",
    ],
    "nginx": [f"{TEMPLATE}.automountServiceAccountToken note"],
    "outside": ["spec note"],
    "paperless": [
        "metadata.annotations[nginx.ingress.kubernetes.io/proxy-body-size] note",
        "spec.ingressClassName note",
    ],
    "sonarr": [f"{TEMPLATE}.priorityClassName note", f"{TEMPLATE}.containers[0].image warning"],
    "vaultwarden": [f"{TEMPLATE}.serviceAccountName note"],
}
"""What is said of each file, in its order; nothing of the others."""


def loaded(file: Path) -> Loaded:
    return load_tree(FOLDER, [file], fleet=FLEET)


def pods(file: Path) -> list[DockerPod]:
    wanted = desired(FLEET, Revision(id="1"), loaded(file).objects, complete=True, cache=DigestCache())
    found: list[DockerPod] = []
    for key in wanted.workloads:
        record = wanted_version(wanted, key).record(key, key.name, "pi-1", "10.42.0.9")
        users = dict.fromkeys(images_to_ask(record), "1000")
        found.append(translate(record, wanted.contents, PLACE, users, "reconciler-node:1"))
    return found


def body(name: str, container: str) -> dict[str, Any]:
    every = (c for pod in pods(FOLDER / f"{name}.yaml") for c in pod.containers)
    return next(c.body for c in every if c.name == container)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_valid_and_says_exactly_what_differs(file: Path) -> None:
    found = [f"{finding.path} {finding.severity}" for finding in loaded(file).findings]
    assert found == SAID.get(file.stem, [])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_becomes_docker_containers(file: Path) -> None:
    made = pods(file)
    assert made
    for pod in made:
        assert json.dumps([c.body for c in pod.containers])
        assert pod.containers[-1].role == "main"


def test_all_together_are_one_repository() -> None:
    assert load_tree(FOLDER, fleet=FLEET).errors == ()


def test_a_stick_is_a_checked_bind_mount() -> None:
    host = body("zigbee2mqtt", "zigbee2mqtt")["HostConfig"]
    assert host["Privileged"] is True
    assert host["Mounts"] == [
        {
            "Type": "bind",
            "Source": "/dev/serial/by-id/usb-ITEAD_SONOFF-if00",
            "Target": "/dev/ttyACM0",
            "ReadOnly": False,
        }
    ]


def test_a_name_server_has_its_ports_and_its_own_name_servers() -> None:
    host = body("pihole", "pihole")["HostConfig"]
    assert host["PortBindings"]["53/udp"] == [{"HostIp": "", "HostPort": "53"}]
    assert (host["Dns"], host["DnsSearch"]) == (["127.0.0.1", "9.9.9.9"], ["."])


def test_a_literal_dollar_stays_and_a_known_name_is_put_in() -> None:
    assert body("downward", "whoami")["Cmd"] == ["--name", "whoami", "--literal", "$(POD_NAME)"]
    assert "DOMAIN=https://vault.$(BASE)" in body("vaultwarden", "vaultwarden")["Env"]


def test_a_sidecar_stays_up_and_the_program_starts_after_it() -> None:
    (pod,) = pods(FOLDER / "torrent-vpn.yaml")
    assert [(c.name, c.role) for c in pod.containers] == [
        ("sandbox", "sandbox"),
        ("gluetun", "sidecar"),
        ("qbittorrent", "main"),
    ]
    assert pod.containers[1].body["HostConfig"]["CapAdd"] == ["CAP_NET_ADMIN"]
