"""The main job on an engine that isn't this machine's: Docker as Debian's sid has it.

All that depends on the engine runs on several by `make engines`; this much runs always.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.lab import Lab, samples
from tests.fleet.ingresses import ask, ingress
from tests.fleet.load import load
from tests.fleet.networking import ALL_PORTS, Place, app, get, service, serving
from tests.fleet.plugin import fetched_engine, guarded_lab
from tests.fleet.say import say
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

HOST = "app.test"


def manifests(image: str) -> str:
    ports = ALL_PORTS.replace("port: 80,", "port: 80, nodePort: 30080,").replace(
        "port: 9001,", "port: 9001, nodePort: 30901,"
    )
    local = "externalTrafficPolicy: Local, ports: [{port: 9000, nodePort: 30900}]"
    return (
        app(image, replicas=4)
        + service("app", f"type: NodePort, selector: {{app: app}}, {ports}")
        + service("local", f"type: NodePort, selector: {{app: app}}, {local}")
        + ingress("app", {HOST: {"/": "app"}})
    )


@pytest.fixture(scope="module")
def other() -> Iterator[Lab]:
    with guarded_lab("other", nodes=2, engine=fetched_engine("docker-sid")) as running:
        yield running


@pytest.fixture(scope="module")
def images(other: Lab) -> dict[str, str]:
    return samples.push_apps(other)


@pytest.fixture(scope="module")
def place(other: Lab, images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with serving(other, tmp_path_factory.mktemp("other"), manifests(images["app:v1"])) as ready:
        yield ready


def test_it_is_another_engine(other: Lab) -> None:
    version = other.docker("pi-1", "version", "--format", "{{.Server.Version}}")
    assert int(version.partition(".")[0]) >= 28, version


def test_every_pod_reaches_every_pod(place: Place) -> None:
    ips = place.pod_ips()
    assert len(ips) == 4 and len({p.node for p in place.seen().pods}) == 2
    for node in place.lab.nodes:
        for name, ip in ips.items():
            assert get(f"http://{ip}:8080/", at=place.inside(node.name)).startswith(f"v1 {name} 10.42.")


def test_every_way_in_leads_to_pods(place: Place) -> None:
    """By HAProxy and by the kernel, which a newer engine's rules might bar."""
    for node in place.lab.nodes:
        assert get(f"http://{node.ip}:30080/").startswith("v1 ")
        assert ask(node.ip, f"http://{HOST}/").body.startswith("v1 ")
        assert say("udp", node.ip, 30901, "ping").endswith("ping")
        assert say("tcp", node.ip, 30900, "ping").endswith("ping")
        assert get("http://app/", at=place.inside(node.name)).startswith("v1 ")


def test_the_nodes_pass_their_check(place: Place) -> None:
    done = place.run("nodes", "check", check=False)
    assert done.returncode == 0 and "FAIL" not in done.stdout, done.stdout


def test_a_rolling_update_loses_nothing(place: Place, images: dict[str, str]) -> None:
    node = place.lab.node("pi-2")
    with (
        load(f"http://{node.ip}:30080/", rate=100.0, timeout=10.0, keep_alive=False) as new,
        load(f"http://{node.ip}/", rate=100.0, timeout=10.0, host=HOST) as kept,
    ):
        place.release(manifests(images["app:v2"]))
        until(lambda: set(place.images()) == {"v2"}, "v2 runs", place.tell)
    for run in (new, kept):
        assert run.result.failed == 0 and run.result.ok > 50, str(run.result)
