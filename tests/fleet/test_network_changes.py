"""What stands in the network's way: a change that fails, a daemon that is killed, ports and ranges taken."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from reconciler.lab import Lab
from tests.fleet.load import load
from tests.fleet.networking import ALL_PORTS, Place, app, get, service, settled
from tests.fleet.site import until

pytestmark = pytest.mark.fleet

NODE = "test__node"
MAINTENANCE = 1
"""The bit in a server's `srv_admin_state` that says that it was told so (HAProxy: SRV_ADMF_FMAINT)."""
LISTEN = """
import socket, sys
taken = socket.create_server(("0.0.0.0", 30081))
print("taken", flush=True)
sys.stdin.read()
"""
KEEP_ASKING = """
import select, socket, sys, time
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.bind(("", 40000))
client.settimeout(0.5)
while not select.select([sys.stdin], [], [], 0.1)[0]:
    try:
        client.sendto(b"ping", (sys.argv[1], 9001))
        print(time.time(), *client.recv(1000).decode().split()[:2], flush=True)
    except OSError as error:
        print(time.time(), "-", type(error).__name__, flush=True)
"""


def manifests(image: str, replicas: int = 3, more: str = "") -> str:
    return app(image, replicas=replicas) + service("app", f"selector: {{app: app}}, {ALL_PORTS}") + more


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with settled(lab, tmp_path_factory.mktemp("changes"), manifests(apps["app:v1"])) as ready:
        yield ready


def proxied(place: Place, node: str) -> set[str]:
    """Addresses of the endpoints that HAProxy on this node has, by its own word. Not those in maintenance:
    one that couldn't be deleted at once, as it was still busy, stays as such and does no harm.
    """
    ask = "echo 'show servers state' | socat - /net/run/haproxy.sock"
    said = place.lab.docker(node, "exec", NODE, "/bin/busybox", "sh", "-c", ask)
    rows = [line.split() for line in said.splitlines()]
    mine = [row for row in rows if len(row) > 6 and row[1].startswith("default_app_80.")]
    return {address for _, _, _, _, address, _, admin, *_ in mine if not int(admin) & MAINTENANCE}


def ips(place: Place) -> set[str]:
    return {p.ip for p in place.seen().pods if p.ready and p.name.startswith("app-")}


def networks(lab: Lab, node: str) -> list[str]:
    """The fleet's own on this node."""
    return lab.docker(node, "network", "ls", "--quiet", "--filter", "label=reconciler.io/fleet").split()


def exact(place: Place) -> bool:
    """Every proxy has the pods that there are, and no other."""
    return all(proxied(place, node.name) == ips(place) for node in place.lab.nodes)


@contextmanager
def program(command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """It ends with its standard input: killing what entered the node for it wouldn't end it."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.communicate(timeout=10)


def test_what_one_node_cannot_keep_holds_nothing_up_and_loses_no_request(
    place: Place, apps: dict[str, str]
) -> None:
    """As with a full disk: its running proxy is told all the same."""
    block, free = (
        ["exec", NODE, "/bin/busybox", *verb.split(), "/net/haproxy.cfg.new"] for verb in ("mkdir", "rm -r")
    )
    place.lab.docker("pi-2", *block)
    with place.serve():
        try:
            until(place.converged, "it converged", place.tell)
            by_it = place.lab.entering("pi-2")
            with load(
                f"http://{place.ip('app')}/", connections=3, rate=100, keep_alive=False, at=by_it
            ) as run:
                place.write(manifests(apps["app:v2"]), "all.yaml")
                within = until(lambda: set(place.images()) == {"v2"}, "all are of v2", place.tell, 60)
            print(f"rolled within {within:.1f} s")
            assert run.result.failed == 0, str(run.result)
            until(lambda: "haproxy.cfg.new" in place.run("status").stdout, "it is said", place.tell)
            assert not place.converged()
        finally:
            place.lab.docker("pi-2", *free)
        within = until(place.converged, "it converged", place.tell, 90)
        print(f"mended within {within:.1f} s")
        until(lambda: exact(place), "no endpoint is left over", place.tell, 5)
        place.release(manifests(apps["app:v1"]))


def test_the_daemon_is_killed_while_it_tells(place: Place, apps: dict[str, str]) -> None:
    for turn, wait in enumerate((0.5, 1.0, 1.5)):
        version = ("v2", "v1")[turn % 2]
        with place.serve() as daemon:
            place.write(manifests(apps[f"app:{version}"]), "all.yaml")
            until(lambda v=version: v in place.images(), "it has begun", place.tell)  # type: ignore[misc]
            time.sleep(wait)
            daemon.send_signal(signal.SIGKILL)
    with place.serve():
        until(lambda: place.converged() and set(place.images()) == {"v2"}, "v2 runs", place.tell, 60)
        until(lambda: exact(place), "no endpoint is left over", place.tell, 5)
        place.release(manifests(apps["app:v1"]))
        until(lambda: exact(place), "no endpoint is left over", place.tell, 5)


def test_a_node_port_that_another_program_has_is_opened_once_it_is_free(
    place: Place, apps: dict[str, str]
) -> None:
    port = "ports: [{port: 80, targetPort: 8080, nodePort: %d}]"
    more = service("open", f"type: NodePort, selector: {{app: app}}, {port % 30081}")
    more += service("other", f"type: NodePort, selector: {{app: app}}, {port % 30082}")
    url = f"http://{place.lab.node('pi-2').ip}:3008"
    with place.serve():
        with program([*place.lab.entering("pi-2"), sys.executable, "-c", LISTEN]) as taken:
            assert taken.stdout and taken.stdout.readline() == "taken\n"
            place.release(manifests(apps["app:v1"], more=more))
            node = next(n for n in place.seen().nodes if n.name == "pi-2")
            assert "30081" in " ".join(node.complaints), node
            assert get(url + "2").startswith("v1 ")
            assert get(f"http://{place.lab.node('pi-1').ip}:30081").startswith("v1 ")
        within = until(lambda: get(url + "1").startswith("v1 "), "it is open", place.tell, 45)
        print(f"opened within {within:.1f} s")
        place.release(manifests(apps["app:v1"]))


def test_a_program_on_the_nodes_own_address_may_have_a_services_port(
    place: Place, apps: dict[str, str]
) -> None:
    host = f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: host}}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  nodeSelector: {{kubernetes.io/hostname: pi-1}}
  containers: [{{name: app, image: {apps["app:v2"]}, env: [{{name: PORT, value: "80"}}]}}]
"""
    with place.serve():
        place.release(manifests(apps["app:v1"], more=host))
        own = f"http://{place.lab.node('pi-1').ip}/"
        until(lambda: get(own).startswith("v2 "), "it listens", place.tell)
        for at in (place.lab.entering("pi-1"), place.lab.entering("pi-2")):
            assert get(f"http://{place.ip('app')}/", at=at).startswith("v1 ")
        place.release(manifests(apps["app:v1"]))


def test_a_udp_client_that_keeps_its_port_gets_the_next_pod(place: Place, apps: dict[str, str]) -> None:
    def versions() -> list[str]:
        """Who answers now; what was answered meanwhile waits in the pipe."""
        assert client.stdout
        now, line = time.time(), client.stdout.readline().split()
        while float(line[0]) < now:
            line = client.stdout.readline().split()
        return line[1:2]

    with place.serve():
        at = place.lab.entering("pi-1")
        with program([*at, sys.executable, "-c", KEEP_ASKING, place.ip("app")]) as client:
            until(lambda: versions() == ["v1"], "it is answered", place.tell)
            place.release(manifests(apps["app:v2"]))
            within = until(lambda: versions() == ["v2"], "the new pod answers", place.tell, 15)
            print(f"caught up within {within:.1f} s")
        place.release(manifests(apps["app:v1"]))


def test_a_range_that_the_node_has_elsewhere_is_refused(lab: Lab, place: Place) -> None:
    """Said of a node that joins; nothing on it is changed."""
    route, key = "10.43.5.0/24", "serviceCIDR"
    lab.docker("pi-3", "rm", "--force", *lab.docker("pi-3", "ps", "--all", "--quiet").split())
    lab.docker("pi-3", "network", "rm", *networks(lab, "pi-3"))
    lab.exec("pi-3", ["sh", "-c", "ip route del local 10.43.0.0/16 dev lo; true"])
    lab.exec("pi-3", ["ip", "route", "add", route, "dev", "eth0"])
    try:
        with place.serve():
            said = f"overlaps the node's route \"{route}"
            until(lambda: said in place.log() and key in place.log(), "it is refused", place.tell)
            assert lab.docker("pi-3", "ps", "--all", "--quiet") == ""
            assert networks(lab, "pi-3") == []
            lab.exec("pi-3", ["ip", "route", "del", route])
            within = until(place.converged, "it joins", place.tell, 60)
            print(f"joined within {within:.1f} s")
    finally:
        lab.exec("pi-3", ["sh", "-c", f"ip route del {route} 2>/dev/null; true"])
