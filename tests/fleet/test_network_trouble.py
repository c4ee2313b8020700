"""What goes wrong with machines and programs: the network comes back by itself, and the rest serves on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from reconciler.errors import LabError
from reconciler.lab import Lab
from tests.fleet.load import Result, load
from tests.fleet.networking import ALL_PORTS, Place, app, get, service, settled
from tests.fleet.say import addresses, say
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

NODE = "test__node"
OPEN = ALL_PORTS.replace("port: 80,", "port: 80, nodePort: 30080,")


def manifests(image: str, replicas: int = 6, more: str = "") -> str:
    spare = "  strategy: {rollingUpdate: {maxUnavailable: 3}}"
    return (
        app(image, replicas=replicas, more=spare)
        + service("app", f"type: NodePort, selector: {{app: app}}, {OPEN}")
        + more
    )


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Served, and the daemon gone again: a test that wants one starts it."""
    place = tmp_path_factory.mktemp("trouble")
    with settled(lab, place, manifests(apps["app:v1"]), "  nodeLostAfter: 20s\n") as ready:
        yield ready


def loaded(place: Place, node: str, deed: Callable[[], object]) -> list[Result]:
    """New and kept connections to the service: on this node, and by its NodePort from outside."""
    ways: list[tuple[str, Sequence[str]]] = [
        (f"http://{place.lab.node(node).ip}:30080/", ()),
        (f"http://{place.ip('app')}/", place.lab.entering(node)),
    ]
    with ExitStack() as stack:
        runs = [
            stack.enter_context(load(url, connections=3, rate=60, keep_alive=keep, timeout=4.0, at=at))
            for url, at in ways
            for keep in (True, False)
        ]
        deed()
    for run in runs:
        print(time.strftime("%T"), run.result)
    return [run.result for run in runs]


def works(place: Place, node: str) -> bool:
    """Everything, as a pod on this node has it: DNS, the service by TCP and UDP, every pod by its address."""
    try:
        inside = place.inside(node)
        return (
            addresses("app", at=inside) == [place.ip("app")]
            and get("http://app/", at=inside).startswith("v1 ")
            and say("udp", "app", 9001, "ping", at=inside).endswith("ping")
            and say("tcp", "app", 9000, "ping", at=inside).endswith("ping")
            and get(f"http://{place.lab.node(node).ip}:30080/").startswith("v1 ")
            and all(get(f"http://{ip}:8080/", at=inside) for ip in _ips(place))
        )
    except (AssertionError, IndexError, LabError):  # nobody answers; no pod there yet; it has just ended
        return False


def answers(url: str, version: str, *, at: Sequence[str] = ()) -> None:
    """Soon: a HAProxy whose place another takes may still take a connection or two."""
    until(lambda: get(url, at=at).startswith(f"{version} "), f"{version} answers at {url}", within=5)


def _ips(place: Place) -> list[str]:
    """By the engines themselves: no daemon need run."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    label = "label=reconciler.io/fleet=test"
    found = []
    for node in place.lab.nodes:
        ids = place.lab.docker(node.name, "ps", "--quiet", "--filter", label).split()
        found += place.lab.docker(node.name, "inspect", "--format", form, *ids).split()
    assert len(found) == 6, found
    return found


def node_container(place: Place, node: str) -> str:
    """The ID of the one that runs, or nothing."""
    return place.lab.docker(node, "ps", "--no-trunc", "--quiet", "--filter", f"name=^{NODE}$")


GONE_S = 8.0
"""For pods of a node that is gone: found out within some 2 s, and what hangs till then ends 4 s after it was
sent. Were they not found out, requests would fail until their node is back, and hang as long.
"""


def bounded(results: list[Result], seconds: float) -> None:
    """Requests failed no longer than that, and whatever failed came to an end."""
    for result in results:
        assert result.failing_s < seconds, str(result)
        assert result.ok > 50, str(result)


def test_a_node_reboots_without_the_reconciler(place: Place) -> None:
    def reboot() -> None:
        place.lab.kill("pi-3")
        time.sleep(4.0)
        place.lab.start("pi-3")
        back = until(lambda: works(place, "pi-3"), "pi-3 works again by itself", within=40)
        print(f"after start, back within {back:.1f} s")
        until(lambda: works(place, "pi-1"), "pi-1 reaches it", within=20)

    found = loaded(place, "pi-1", reboot)
    bounded(found, GONE_S)
    assert all(r.failed < 0.05 * r.ok for r in found), "\n".join(map(str, found))


def test_an_engine_restarts_under_the_daemon(place: Place, apps: dict[str, str]) -> None:
    with place.serve():
        until(place.converged, "it converged", place.tell)
        before = node_container(place, "pi-2")
        place.lab.stop_engine("pi-2")
        place.lab.start_engine("pi-2")
        back = until(lambda: works(place, "pi-2"), "pi-2 works again", place.tell, 40)
        print(f"engine: back within {back:.1f} s")
        assert node_container(place, "pi-2") == before
        place.release(manifests(apps["app:v1"], more=service("late", f"selector: {{app: app}}, {ALL_PORTS}")))
        answers(f"http://{place.ip('late')}/", "v1", at=place.lab.entering("pi-2"))
        place.release(manifests(apps["app:v1"]))


@pytest.mark.parametrize("deed", ["kill", "rm --force"])
def test_a_node_container_that_somebody_ends_is_there_again(place: Place, deed: str) -> None:
    def end() -> None:
        place.lab.docker("pi-2", *deed.split(), NODE)
        back = until(lambda: works(place, "pi-2"), "pi-2 works again", place.tell, 40)
        print(f"{deed}: back within {back:.1f} s")
        until(place.converged, "it converged", place.tell)

    with place.serve():
        until(place.converged, "it converged", place.tell)
        found = loaded(place, "pi-2", end)
    bounded(found, 15.0)


def test_a_link_is_cut_under_load_and_healed(place: Place, apps: dict[str, str]) -> None:
    """The silent node's proxy may still serve: pods end once it counts as lost. It is told what it missed."""

    def cut() -> None:
        place.lab.cut("pi-3")
        time.sleep(6.0)

    with place.serve():
        until(place.converged, "it converged", place.tell)
        try:
            found = loaded(place, "pi-1", cut)
            bounded(found, GONE_S)
            later = loaded(place, "pi-1", lambda: time.sleep(3.0))
            assert all(r.failed == 0 for r in later), "\n".join(map(str, later))
            place.write(
                manifests(apps["app:v2"], more=service("late", f"selector: {{app: app}}, {ALL_PORTS}")),
                "all.yaml",
            )
            within = until(lambda: _rolled(place, "pi-1", "pi-2"), "the others are of v2", place.tell, 60)
            print(f"rolled within {within:.1f} s")
        finally:
            place.lab.heal("pi-3")
        within = until(lambda: place.converged() and _rolled(place), "all are", place.tell, 90)
        print(f"healed within {within:.1f} s")
        answers(f"http://{place.ip('late')}/", "v2", at=place.lab.entering("pi-3"))
        answers(f"http://{place.lab.node('pi-3').ip}:30080/", "v2")
        place.release(manifests(apps["app:v1"]))


def _rolled(place: Place, *nodes: str) -> bool:
    pods = place.pods(*nodes)
    return len(pods) >= 2 and all(p.image.endswith(":v2") for p in pods if p.pod)
