"""What node.sh does when HAProxy refuses what it is given: all the rest is served."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.engine import node_image
from reconciler.model.traffic import Certificate, HeaderMatch, HeaderRoute, IngressTraffic
from tests.engine.rendering.proxy import write
from tests.engine.rendering.samples import endpoint, ingress, route, service, traffic
from tests.fleet.site import until
from tests.fleet.tls import pair, shown
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy", "socat")

SCRIPT = Path(node_image.__file__).with_name("node.sh")
AS_THERE = ("setpriv", "--bounding-set", "-fowner") if os.geteuid() == 0 else ()
"""Root in the node container may not do with others' files what root may do here."""
GOOD, OTHER = pair("good.test"), pair("other.test")


class Node:
    """A node's /net and /run, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.net, self.run = folder / "net", folder / "run"
        (self.run / "complaints").mkdir(parents=True)
        self.http, self.https = free_port(), free_port()

    def serve(self, **certificates: str) -> None:
        found = IngressTraffic(
            http_port=self.http,
            https_port=self.https,
            certificates=tuple(Certificate(namespace="default", secret=n, digest=n) for n in certificates),
        )
        write(
            self.net,
            replace(traffic(), services=(), ingress=found),
            {f"default/{name}": pem.encode() for name, pem in certificates.items()},
        )
        config = self.net / "haproxy.cfg"
        config.write_text(
            config.read_text().replace("bind 10.42.", "bind 127.42.").replace("bind :", "bind 127.0.0.1:")
        )
        self.balance()

    def route(self, *expressions: str) -> None:
        """A service whose header routes are these."""
        routes = tuple(
            HeaderRoute(
                name=f"to-{number}",
                service="canary",
                matches=(HeaderMatch(header="x", value=expression, how="regex"),),
            )
            for number, expression in enumerate(expressions)
        )
        ends = {"stable": ("203.0.113.1", routes), "canary": ("203.0.113.2", ())}
        services = tuple(
            service(endpoint(name, ip), name=name, ip="", header_routes=routes)
            for name, (ip, routes) in ends.items()
        )
        found = ingress(route("", "/", "stable"), http_port=self.http)
        config = write(self.net, replace(traffic(), services=services, ingress=found))
        config.write_text(
            config.read_text().replace("bind 10.42.", "bind 127.42.").replace("bind :", "bind 127.0.0.1:")
        )
        self.balance()

    def balance(self) -> None:
        environment = os.environ | {"NET": str(self.net), "RUN": str(self.run)}
        command = [*AS_THERE, "busybox", "sh", str(SCRIPT), "balance", "again"]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr

    def complaints(self) -> list[str]:
        return sorted(file.read_text().strip() for file in (self.run / "complaints").iterdir())

    def end(self) -> None:
        with suppress(OSError, ValueError):
            os.kill(int((self.run / "haproxy.pid").read_text()), signal.SIGKILL)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path)
    try:
        yield made
    finally:
        made.end()


def test_a_certificate_that_is_no_good_is_left_out(node: Node) -> None:
    good = GOOD.certificate + GOOD.key
    node.serve(good=good, bad=OTHER.certificate + GOOD.key, garbage="-----BEGIN NONSENSE-----\n")
    assert shown("127.0.0.1", "good.test", node.https).serial_number == GOOD.serial
    assert node.complaints() == [
        "HAProxy can't use the certificate of Secret default/bad",
        "HAProxy can't use the certificate of Secret default/garbage",
    ]
    node.serve(good=good)
    assert node.complaints() == []


def test_with_no_good_certificate_there_is_http(node: Node) -> None:
    node.serve(bad=OTHER.certificate + GOOD.key)
    socket.create_connection(("127.0.0.1", node.http), 2).close()
    assert node.complaints() == ["HAProxy can't use the certificate of Secret default/bad"]


def test_a_proxy_that_is_slow_to_hand_over_its_sockets_is_asked_again(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine that is very busy: HAProxy waits a second for them and gives up."""
    stub = tmp_path / "haproxy"
    stub.write_text(f"""#!/bin/sh
[ -e {tmp_path}/slow ] || exec {shutil.which("haproxy")} "$@"
rm {tmp_path}/slow
echo "[ALERT]    (7) : Failed to get the sockets from the old process!" >&2
exit 1
""")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "slow").touch()
    node.serve()
    assert node.complaints() == [] and not (tmp_path / "slow").exists()
    socket.create_connection(("127.0.0.1", node.http), 2).close()


def served_within(node: Node) -> float:
    began = time.monotonic()
    node.serve(good=GOOD.certificate + GOOD.key)
    return time.monotonic() - began


@pytest.mark.parametrize("running", [False, True])
def test_a_port_that_is_taken_is_left_out_until_it_is_free(node: Node, running: bool) -> None:
    http, usual = node.http, 0.0
    if running:
        node.http = free_port()
        usual = served_within(node)
    node.http = http
    with socket.create_server(("127.0.0.1", http)):
        took = min(served_within(node) for _ in range(3))  # what pauses it does so each time
        assert node.complaints() == [f"127.0.0.1:{http}: another program on this node has it"]
        assert shown("127.0.0.1", "good.test", node.https).serial_number == GOOD.serial
    assert not running or took < usual + 1.5, "the HAProxy that runs was paused by trying, for 2 s"
    node.balance()
    assert node.complaints() == []
    socket.create_connection(("127.0.0.1", http), 2).close()


@pytest.mark.parametrize("running", [False, True])
def test_an_expression_that_is_none_turns_its_route_off_and_nothing_else(node: Node, running: bool) -> None:
    if running:
        node.route("good")
    node.route("good", "(", "a)|(b", "[[:nothing:]]", "it's (?<!x+)", "fine|too")
    words = (
        "HAProxy can't use the header route {} of Service default/stable: it can't read an expression in it"
    )
    assert node.complaints() == [words.format(f"to-{number}") for number in (1, 2, 3, 4)]
    socket.create_connection(("127.0.0.1", node.http), 2).close()
    served = (node.run / "haproxy.cfg").read_text()
    off = {line.split()[1].split("_")[3] for line in served.splitlines() if line.endswith(" always_false")}
    assert off == {"1", "2", "3", "4"}
    node.route("good")
    assert node.complaints() == []


def test_a_frontend_that_went_may_come_again(node: Node) -> None:
    """What it left in the file system is a socket of another user's, and in nobody's way."""
    node.serve(good=GOOD.certificate + GOOD.key)
    config = node.net / "haproxy.cfg"
    config.write_text(without_frontend(config.read_text(), "ingress_https"))
    node.balance()
    until(lambda: not listens(node.https), "the one before has let go of it")
    node.serve(good=GOOD.certificate + GOOD.key)
    assert shown("127.0.0.1", "good.test", node.https).serial_number == GOOD.serial


def test_haproxy_begins_again_after_a_power_cut(node: Node) -> None:
    """Its sockets are still there."""
    node.serve(good=GOOD.certificate + GOOD.key)
    node.end()
    until(lambda: not listens(node.https), "it has ended")
    node.balance()
    assert shown("127.0.0.1", "good.test", node.https).serial_number == GOOD.serial


def without_frontend(config: str, name: str) -> str:
    head, tail = config.split(f"frontend {name}\n")
    return head + tail[re.search(r"^\S", tail, re.MULTILINE).start() :]  # type: ignore[union-attr]  # there is one


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
