"""The sample server behaves as real programs do, and clients can stand wherever clients stand."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from reconciler.errors import LabError
from reconciler.lab import Lab
from tests.fleet.load import load
from tests.fleet.lossless import TIMEOUT_S
from tests.fleet.say import say
from tests.fleet.site import until

pytestmark = pytest.mark.fleet


@dataclass
class App:
    """One container of it, with its ports on the node's."""

    lab: Lab
    node: str
    address: str

    def get(self, path: str, connection: http.client.HTTPConnection | None = None) -> tuple[int, str]:
        asked = connection or http.client.HTTPConnection(self.address, 8080, timeout=3)
        asked.request("GET", path)
        answer = asked.getresponse()
        return answer.status, answer.read().decode()

    def inspect(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.lab.docker(self.node, "inspect", "app"))[0]["State"]
        return found


def start(lab: Lab, image: str) -> App:
    node = lab.nodes[0]
    ports = [part for port in ("8080", "9000", "9001/udp") for part in ("-p", f"{port.split('/')[0]}:{port}")]
    lab.docker(node.name, "run", "-d", "--name", "app", "--hostname", "web-a", *ports, image)
    app = App(lab, node.name, node.ip)
    until(lambda: _answers(app), "it answers")  # so it listens on its other ports, too
    return app


def _answers(app: App) -> bool:
    try:
        return app.get("/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


@pytest.fixture
def app(clean_lab: Lab, apps: dict[str, str]) -> Iterator[App]:
    yield start(clean_lab, apps["app:v1"])


def test_it_says_who_it_is_and_who_asks(app: App) -> None:
    mine = app.lab.state.gateway
    assert app.get("/") == (200, f"v1 web-a {mine}\n")
    assert app.get("/healthz") == (200, "ok\n")
    assert "GET /request HTTP/1.1\r\nHost: " in app.get("/request")[1]
    assert say("udp", app.address, 9001, "hello") == f"v1 web-a {mine} hello"
    assert say("tcp", app.address, 9000, "hello") == f"v1 web-a {mine}\nhello"
    app.get("/fail")
    assert [app.get(path)[0] for path in ("/", "/healthz", "/mend", "/", "/healthz")] == [
        500,
        503,
        200,
        200,
        200,
    ]


def test_an_upgraded_connection_carries_bytes_both_ways(app: App) -> None:
    with socket.create_connection((app.address, 8080), 3) as connection:
        connection.sendall(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert connection.recv(4096).startswith(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n")
        connection.sendall(b"\x81\x05hello")
        assert connection.recv(4096) == b"\x81\x05hello"


def test_told_to_stop_it_answers_what_is_under_way_and_leaves(app: App) -> None:
    """An idle connection is closed, a busy one answered with its last answer, the code is 0."""
    idle, busy = (http.client.HTTPConnection(app.address, 8080, timeout=10) for _ in range(2))
    assert app.get("/", idle)[0] == app.get("/", busy)[0] == 200
    assert idle.sock is not None  # kept alive
    busy.request("GET", "/slow?ms=1500")
    assert app.get("/", idle)[0] == 200, "what was asked before that is under way"
    app.lab.docker(app.node, "kill", "--signal", "TERM", "app")
    assert idle.sock.recv(1) == b""
    assert busy.getresponse().status == 200
    until(lambda: app.inspect()["Status"] == "exited", "it has exited")
    assert app.inspect()["ExitCode"] == 0


def test_idle_it_stops_at_once(app: App) -> None:
    began = time.monotonic()
    app.lab.docker(app.node, "stop", "app")
    assert time.monotonic() - began < 9, "after 10 s Docker kills it"
    assert app.inspect()["ExitCode"] == 0


def test_the_bad_version_looks_healthy(clean_lab: Lab, apps: dict[str, str]) -> None:
    app = start(clean_lab, apps["app:v3"])
    assert app.get("/healthz") == (200, "ok\n")
    assert app.get("/") == (500, "v3 web-a is no good\n")


@pytest.mark.parametrize("keep_alive", [True, False])
def test_load_comes_from_outside_from_a_node_and_from_a_pod(app: App, keep_alive: bool) -> None:
    lab, other = app.lab, app.lab.nodes[1]
    lab.docker(other.name, "run", "-d", "--name", "client", "--dns", "10.9.8.7", f"{lab.registry}/sleeper:v1")
    pod = lab.entering_container(other.name, "client")
    for at in ([], lab.entering(other.name), pod):
        url = f"http://{app.address}:8080/"
        with load(url, connections=2, rate=100, keep_alive=keep_alive, timeout=TIMEOUT_S, at=at) as run:
            time.sleep(1.0)
        assert run.result.failed == 0, run.result
        assert run.result.ok > 2, "more than the first of each connection"
        assert run.result.pods == {"web-a"}


def test_load_on_a_server_that_stops_fails(app: App) -> None:
    with load(f"http://{app.address}:8080/", connections=2, rate=100, at=app.lab.entering("pi-2")) as run:
        time.sleep(0.3)
        app.lab.docker(app.node, "kill", "app")
        time.sleep(1.0)
    assert run.result.failed > 1
    assert run.result.failing_s > 0


def test_in_a_pod_names_are_the_pods(app: App) -> None:
    lab = app.lab
    lab.docker(app.node, "run", "-d", "--name", "client", "--dns", "10.9.8.7", "--add-host", "db:10.1.2.3",
               f"{lab.registry}/sleeper:v1")  # fmt: skip
    pod = lab.entering_container(app.node, "client")
    assert "nameserver 10.9.8.7" in say_file(pod, "/etc/resolv.conf")
    assert "10.1.2.3\tdb" in say_file(pod, "/etc/hosts")
    lab.docker(app.node, "kill", "client")
    with pytest.raises(LabError, match="container client isn't running"):
        lab.entering_container(app.node, "client")


def say_file(at: list[str], path: str) -> str:
    return subprocess.run([*at, "cat", path], capture_output=True, text=True, check=True).stdout


def test_a_smaller_link_drops_what_is_too_large_until_it_is_mended(clean_lab: Lab) -> None:
    lab, node = clean_lab, clean_lab.nodes[0]
    ping = ["busybox", "ping", "-c", "1", "-W", "1", "-s", "1440", node.ip]

    def passes(size: str, address: str) -> None:
        one = [*ping[:-2], size, address]
        until(lambda: lab.exec("pi-2", one, check=False).returncode == 0, f"{size} bytes reach {address}")

    passes("1440", node.ip)
    lab.set_mtu(node.name, 1400)
    assert lab.mtu(node.name) == 1400
    assert "mtu 1400" in lab.exec(node.name, ["ip", "link", "show", "eth0"]).stdout
    assert lab.exec("pi-2", ping, check=False).returncode == 1
    passes("1300", node.ip)
    passes("1440", lab.nodes[2].ip)
    lab.set_mtu(node.name, 1500)
    passes("1440", node.ip)
