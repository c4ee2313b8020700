"""Podman in the place of a Docker Engine: what it does otherwise than Docker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.engine.pods import nodeimage
from reconciler.lab import Lab, samples
from tests.engine.pods import OnNode
from tests.fleet.networking import Place, get, service, serving
from tests.fleet.plugin import fetched_engine, guarded_lab
from tests.fleet.site import until, web

pytestmark = [pytest.mark.fleet, pytest.mark.engines]

NODE_PORT = service(
    "web", "type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Two nodes, of which one has no pod: Podman makes a network's bridge with its first container."""
    with guarded_lab("podman", nodes=2, engine=fetched_engine("podman-trixie")) as lab:
        image = samples.push_web(lab, "v1")
        lab.image("web:broken", samples.shell("echo broken; exit 3"))
        with serving(lab, tmp_path_factory.mktemp("podman"), web(image, replicas=1) + NODE_PORT) as ready:
            yield ready


def test_a_node_without_pods_serves_and_resolves(place: Place) -> None:
    assert [len(pods) for pods in place.pods_by_node().values()].count(0) == 1
    for node in place.lab.nodes:
        assert get(f"http://{node.ip}:30080/") == "v1\n"


def test_its_check_finds_nothing_but_that_nothing_starts_pods_again(place: Place) -> None:
    done = place.run("nodes", "check", check=False)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout
    assert "Podman 5" in done.stdout and "podman-restart.service" in done.stdout, done.stdout


def test_the_node_image_is_sent_once(place: Place) -> None:
    node = OnNode(place.lab, "pi-1")
    try:
        assert nodeimage.present(node.engine) == nodeimage.ensure(node.engine)
    finally:
        node.engine.close()


def test_pods_come_back_after_a_reboot(place: Place) -> None:
    """As podman-restart.service starts them."""
    lab: Lab = place.lab
    for node in lab.nodes:
        lab.reboot(node.name)
    until(
        lambda: all(get(f"http://{n.ip}:30080/") == "v1\n" for n in lab.nodes), "it serves again", place.tell
    )


def test_a_crash_loop_and_a_missing_image_are_called_so(place: Place) -> None:
    broken = web(f"{place.lab.registry}/web:broken", name="broken", replicas=1)
    absent = web(f"{place.lab.registry}/nosuch:v9", name="absent", replicas=1)
    place.write(broken.replace("readinessProbe", "livenessProbe") + "---" + absent, "more.yaml")

    def said() -> bool:
        page = place.run("status", check=False).stdout
        return "CrashLoopBackOff" in page and "nosuch:v9" in page

    until(said, "both are said", place.tell, 60)
