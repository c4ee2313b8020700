"""Under load, whatever is done to the fleet, not one request fails (law 9).

Of a container killed hard, only what was in flight on it may.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from reconciler.engine.dataplane import install
from reconciler.engine.real import RealNode
from reconciler.lab import Lab
from reconciler.manifests.inventory import load_fleet
from reconciler.model.action import PrepareNode
from tests.fleet.load import Result, load
from tests.fleet.networking import ALL_PORTS, Place, app, service, settled
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

RATE = 100.0
PATIENCE_S = 10.0
"""A request's time-out: that some wait on a busy machine is no loss."""


def manifests(image: str, replicas: int = 6) -> str:
    ports = ALL_PORTS.replace("port: 80,", "port: 80, nodePort: 30080,")
    return app(image, replicas=replicas) + service("app", f"type: NodePort, selector: {{app: app}}, {ports}")


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Served, and the daemon gone again: each test has its own."""
    with settled(lab, tmp_path_factory.mktemp("loss"), manifests(apps["app:v1"])) as ready:
        yield ready


def node_port(place: Place) -> str:
    return f"http://{place.lab.node('pi-2').ip}:30080/"


def under_load(place: Place, deed: Callable[[], object]) -> list[Result]:
    """Kept-alive and new connections, by NodePort from outside and by ClusterIP from a node."""
    ways: list[tuple[str, Sequence[str]]] = [
        (node_port(place), ()),
        (f"http://{place.ip('app')}/", place.lab.entering("pi-1")),
    ]
    with ExitStack() as stack:
        runs = [
            stack.enter_context(
                load(url, connections=3, rate=RATE, keep_alive=keep, timeout=PATIENCE_S, at=at)
            )
            for url, at in ways
            for keep in (True, False)
        ]
        deed()
        time.sleep(0.5)
    return [run.result for run in runs]


def lossless(results: list[Result]) -> None:
    assert all(r.failed == 0 for r in results), "\n".join(map(str, results))
    assert all(r.ok > 50 for r in results), "\n".join(map(str, results))


def test_a_rolling_update_and_back(place: Place, apps: dict[str, str]) -> None:
    def roll() -> None:
        place.release(manifests(apps["app:v2"]))
        place.release(manifests(apps["app:v1"]))

    with place.serve():
        found = under_load(place, roll)
    lossless(found)
    assert all(r.versions == {"v1", "v2"} for r in found)


def test_wrk_at_full_speed_notices_nothing_of_a_rolling_update(place: Place, apps: dict[str, str]) -> None:
    """It keeps its connections, and tells of each that broke or was refused and of each answer but 2xx."""
    with place.serve():
        command = ["wrk", "--threads", "1", "--connections", "8", "--duration", "60s", "--timeout", "5s"]
        wrk = subprocess.Popen([*command, node_port(place)], stdout=subprocess.PIPE, text=True)
        try:
            place.release(manifests(apps["app:v2"]))
            place.release(manifests(apps["app:v1"]))
        finally:
            wrk.send_signal(signal.SIGINT)
            said, _ = wrk.communicate(timeout=30)
    assert "requests in" in said and "Socket errors" not in said and "Non-2xx" not in said, said


def test_scaling_down_and_up(place: Place, apps: dict[str, str]) -> None:
    def scale() -> None:
        place.release(manifests(apps["app:v1"], 2))
        place.release(manifests(apps["app:v1"], 6))

    with place.serve():
        lossless(under_load(place, scale))


def test_a_node_that_is_drained(place: Place) -> None:
    """A NoExecute taint moves its pods elsewhere."""
    text = place.inventory.read_text()
    tainted = text.replace(
        "- name: pi-3\n", "- name: pi-3\n      taints: [{key: mending, effect: NoExecute}]\n"
    )
    assert tainted != text

    def drain() -> None:
        place.inventory.write_text(tainted)
        with place.serve():
            until(lambda: "pi-3" not in {p.node for p in place.seen().pods}, "pi-3 is empty", place.tell)
            until(place.converged, "it converged", place.tell)

    try:
        lossless(under_load(place, drain))
    finally:
        place.inventory.write_text(text)


def test_the_node_containers_replaced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another version and, as the daemon sees to it, back by its own: twice on each node."""

    def upgrade() -> None:
        fleet = load_fleet(place.inventory)
        with monkeypatch.context() as other:
            other.setattr(install, "version", lambda: "another")
            for spec in fleet.spec.nodes:
                node = RealNode(spec, fleet)
                cidr = node.refresh().pod_cidr
                node.prepare(PrepareNode(node=spec.name, because="a test", owner=None, pod_cidr=cidr))
                node.close()
        with place.serve():
            until(lambda: ours(place), "all are ours again", place.tell, 60)
            until(place.converged, "it converged", place.tell)

    lossless(under_load(place, upgrade))


def ours(place: Place) -> bool:
    """Every node container is of the daemon's version."""
    nodes = place.seen().nodes
    return bool(nodes) and all(n.data_plane == "running" for n in nodes)


def test_fifty_reloads(place: Place) -> None:
    def reload() -> None:
        for _ in range(50):
            for node in ("pi-1", "pi-2"):
                place.lab.docker(
                    node, "exec", "test__node", "/bin/busybox", "sh", "/node", "balance", "again"
                )

    lossless(under_load(place, reload))


def test_the_reconciler_killed_and_started_again(place: Place, apps: dict[str, str]) -> None:
    """In the middle of a rolling update."""

    def kill() -> None:
        with place.serve() as daemon:
            place.write(manifests(apps["app:v2"]), "all.yaml")
            until(lambda: "v2" in place.images(), "it has begun", place.tell)
            daemon.send_signal(signal.SIGKILL)
        time.sleep(1.0)
        with place.serve():
            until(lambda: place.converged() and set(place.images()) == {"v2"}, "v2 runs", place.tell, 60)

    lossless(under_load(place, kill))


def test_a_container_killed_hard_loses_no_more_than_was_in_flight(place: Place) -> None:
    def kill() -> None:
        time.sleep(1.0)
        pod = place.pods("pi-1")[0]
        place.lab.docker(pod.node, "kill", pod.id)
        until(lambda: pod in place.pods("pi-1"), "it runs again", place.tell)
        until(place.converged, "it is healed", place.tell)

    with place.serve():
        found = under_load(place, kill)
    for result in found:
        assert result.failed <= 3 and result.failing_s < 3.0, str(result)
