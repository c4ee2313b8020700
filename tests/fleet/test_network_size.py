"""A network that grows and shrinks, has small links, and is switched off. Each test has its own fleet."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from reconciler.lab import Lab
from tests.fleet.networking import ALL_PORTS, Place, app, get, service
from tests.fleet.say import say
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

NODE = "test__node"
FIRST_S = 90.0
"""Until a fleet is there whose nodes may have to get the node image first."""


def manifests(image: str, replicas: int) -> str:
    return app(image, replicas=replicas) + service("app", f"selector: {{app: app}}, {ALL_PORTS}")


def only(place: Place, *names: str) -> None:
    """The inventory has these nodes."""
    content = yaml.safe_load(place.lab.nodes_yaml.read_text())
    known = {node["name"]: node for node in content["spec"]["nodes"]}
    inventory = yaml.safe_load(place.inventory.read_text())
    inventory["spec"]["nodes"] = [known[name] for name in names]
    place.inventory.write_text(yaml.safe_dump(inventory))


def inside_node(place: Place, node: str, *command: str) -> str:
    return place.lab.docker(node, "exec", NODE, *command)


def peers(place: Place, node: str) -> set[str]:
    """To whom this node floods what it doesn't know where to send to."""
    table = inside_node(place, node, "bridge", "fdb", "show", "dev", "reconciler1")
    return {line.split()[2] for line in table.splitlines() if line.startswith("00:00:00:00:00:00")}


def has_overlay(place: Place, node: str) -> bool:
    return "reconciler1" in place.lab.exec(node, ["cat", "/proc/net/dev"]).stdout


def reach_each_other(place: Place) -> bool:
    ips, nodes = place.pod_ips().values(), {p.node for p in place.seen().pods}
    return all(get(f"http://{ip}:8080/", at=place.inside(node)) for node in nodes for ip in ips)


def test_nodes_join_and_leave(clean_lab: Lab, apps: dict[str, str], tmp_path: Path) -> None:
    place = Place(clean_lab, tmp_path)
    ip = {node.name: node.ip for node in clean_lab.nodes}
    only(place, "pi-1")
    place.write(manifests(apps["app:v1"], 1), "all.yaml")
    with place.serve():
        until(place.converged, "it converged", place.tell, FIRST_S)
        assert not has_overlay(place, "pi-1")
        url, at = f"http://{place.ip('app')}/", place.inside("pi-1")
        # The HAProxy that a new node begins with may still take a connection.
        until(lambda: get(url, at=at).startswith("v1 "), "the service answers", place.tell, 5)
    only(place, "pi-1", "pi-2", "pi-3")
    place.write(manifests(apps["app:v1"], 3), "all.yaml")
    with place.serve():
        until(lambda: len(place.pod_ips()) == 3 and place.converged(), "it converged", place.tell, FIRST_S)
        for node, own in ip.items():
            assert peers(place, node) == set(ip.values()) - {own}
        assert reach_each_other(place)
    only(place, "pi-1", "pi-2")
    with place.serve():
        until(place.converged, "it converged", place.tell, 60)
        assert peers(place, "pi-1") == {ip["pi-2"]}
        assert peers(place, "pi-2") == {ip["pi-1"]}


def test_pods_fit_into_links_of_1400_bytes(clean_lab: Lab, apps: dict[str, str], tmp_path: Path) -> None:
    for node in clean_lab.nodes:
        clean_lab.set_mtu(node.name, 1400)
    place = Place(clean_lab, tmp_path)
    place.write(manifests(apps["app:v1"], 3), "all.yaml")
    body = tmp_path / "body"
    body.write_bytes(os.urandom(1024 * 1024))
    with place.serve():
        until(place.converged, "it converged", place.tell, FIRST_S)
        for node in clean_lab.nodes:
            at = place.inside(node.name)
            links = subprocess.run(
                [*at, "ip", "-o", "link", "show", "eth0"], capture_output=True, text=True, check=True
            )
            assert " mtu 1350 " in links.stdout
            for host in [f"{ip}:8080" for ip in place.pod_ips().values()] + [place.ip("app")]:
                sent = get(f"http://{host}/", at=at, more=["--data-binary", f"@{body}"])
                assert sent.startswith("v1 "), (node, host)
            for ip in place.pod_ips().values():
                word = "x" * 100_000
                assert say("tcp", ip, 9000, word, at=at).endswith(word)


def test_a_network_that_is_switched_off_leaves_nothing(
    clean_lab: Lab, apps: dict[str, str], tmp_path: Path
) -> None:
    place = Place(clean_lab, tmp_path)
    place.write(manifests(apps["app:v1"], 3), "all.yaml")
    with place.serve():
        until(place.converged, "it converged", place.tell, FIRST_S)
        pods = sorted(p.id for p in place.pods())
    place.write(app(apps["app:v1"]), "all.yaml")
    place.inventory.write_text(place.inventory.read_text() + "  network: {enabled: false}\n")
    assert "spec.network is switched off: its node container goes" in place.run("plan").stdout
    with place.serve():
        until(place.converged, "it converged", place.tell, 60)
        assert sorted(p.id for p in place.pods()) == pods
    for node in clean_lab.nodes:
        assert NODE not in clean_lab.docker(node.name, "ps", "--all", "--format", "{{.Names}}").split()
        assert NODE not in clean_lab.docker(node.name, "volume", "ls", "--quiet").split()
        assert "RECONCILER" not in clean_lab.exec(node.name, ["iptables-save"]).stdout
        assert not has_overlay(place, node.name)
        assert "10.43.0.0" not in clean_lab.exec(node.name, ["ip", "route", "show", "table", "local"]).stdout
