"""Ingresses that change while people use them: of what they don't concern, not one request fails."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from reconciler.lab import Lab
from tests.fleet.ingresses import DOORS, ask, ingress
from tests.fleet.load import Result, load
from tests.fleet.lossless import TIMEOUT_S
from tests.fleet.networking import Place, app, service, serving
from tests.fleet.rollouts import SOON_S
from tests.fleet.site import until
from tests.fleet.tls import Pair, pair, secret, shown

pytestmark = pytest.mark.fleet

FIRST, SECOND = pair("one.test"), pair("one.test")
HTTP = "ports: [{port: 80, targetPort: 8080}]"
ONE = ingress("one", {"one.test": {"/": "app"}}, tls={"one-tls": ["one.test"]})
PLAIN = ingress("plain", {"plain.test": {"/": "app"}})
LISTEN = """
import contextlib, socket, sys, time
taken, end = None, time.monotonic() + 30
while not taken and time.monotonic() < end:
    with contextlib.suppress(OSError):  # a HAProxy whose place another took has it a moment longer
        taken = socket.create_server(("", 80), reuse_port=False)
    time.sleep(0.05)
print("listening" if taken else "taken", flush=True)
sys.stdin.read()
"""


def manifests(image: str, *ingresses: str, own: Pair = FIRST) -> str:
    services = service("app", f"selector: {{app: app}}, {HTTP}")
    return "".join([app(image, replicas=2), services, secret("one-tls", own), *ingresses])


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    text = manifests(apps["app:v1"], ONE, PLAIN)
    with serving(lab, tmp_path_factory.mktemp("changes"), text, doors=DOORS) as ready:
        yield ready


@pytest.fixture
def image(apps: dict[str, str]) -> str:
    return apps["app:v1"]


def under_load(place: Place, deed: Callable[[], object]) -> list[Result]:
    """By HTTP and HTTPS on both nodes, with kept-alive connections and new ones."""
    with ExitStack() as stack:
        runs = [
            stack.enter_context(
                load(
                    f"{scheme}://{place.lab.node(door).ip}/",
                    connections=2,
                    rate=40,
                    keep_alive=keep,
                    timeout=TIMEOUT_S,
                    host=host,
                )
            )
            for door, keep in zip(DOORS, (True, False), strict=True)
            for scheme, host in (("http", "plain.test"), ("https", "one.test"))
        ]
        deed()
        time.sleep(0.5)
    return [run.result for run in runs]


def lossless(results: list[Result]) -> None:
    assert all(r.failed == 0 and r.ok > 5 for r in results), "\n".join(map(str, results))


def soon(holds: Callable[[], bool], what: str) -> None:
    """A HAProxy whose place another takes may still take a connection or two."""
    until(holds, what, within=SOON_S)


def test_a_new_certificate_is_served_at_once(place: Place, image: str) -> None:
    def shows(wanted: Pair) -> bool:
        found = {shown(place.lab.node(door).ip, "one.test").serial_number for door in DOORS}
        return found == {wanted.serial}

    def change() -> None:
        assert shows(FIRST)
        for own in (SECOND, FIRST):
            place.release(manifests(image, ONE, PLAIN, own=own))
            soon(lambda own=own: shows(own), "it is shown")  # type: ignore[misc]

    lossless(under_load(place, change))


def test_an_ingress_comes_and_goes(place: Place, image: str) -> None:
    more = ingress("more", {"more.test": {"/": "app"}})

    def change() -> None:
        for _ in range(2):
            place.release(manifests(image, ONE, PLAIN, more))
            soon(lambda: answers("http://more.test/") == {200}, "it is served")
            place.release(manifests(image, ONE, PLAIN))
            soon(lambda: answers("http://more.test/") == {404}, "it isn't any more")

    def answers(url: str) -> set[int]:
        return {ask(place.lab.node(door).ip, url).status for door in DOORS}

    lossless(under_load(place, change))


def test_a_default_backend_answers_for_every_other_host(place: Place, image: str) -> None:
    everything = ingress("everything", {"": {"": "app"}})

    def change() -> None:
        place.release(manifests(image, ONE, PLAIN, everything))
        one = place.lab.node("pi-1").ip
        for url in ("http://whatever.test/a/b", "http://plain.test/", "https://whatever.test/"):
            soon(lambda url=url: ask(one, url).body.startswith("v1 app-"), url)  # type: ignore[misc]
        place.release(manifests(image, ONE, PLAIN))
        soon(lambda: ask(one, "http://whatever.test/").status == 404, "nobody has that host")

    lossless(under_load(place, change))


def test_a_certificate_with_another_key_changes_nothing(place: Place, image: str) -> None:
    broken = Pair(FIRST.certificate, SECOND.key)

    def refused() -> bool:
        return "tls.key of another certificate" in place.run("status").stdout

    def change() -> None:
        place.write(manifests(image, ONE, PLAIN, own=broken), "all.yaml")
        until(refused, "it is said", place.tell)
        place.release(manifests(image, ONE, PLAIN, own=SECOND))
        place.release(manifests(image, ONE, PLAIN))

    lossless(under_load(place, change))


def test_a_port_that_another_program_has(place: Place, image: str) -> None:
    """Its node says so, all else is served; when the port is free it is served without anybody's help."""
    one, two = (place.lab.node(door).ip for door in DOORS)
    place.release(manifests(image))
    with taking(place.lab, DOORS[1]) as program:
        place.release(manifests(image, ONE, PLAIN))
        soon(lambda: ask(one, "http://plain.test/").status == 200, "its other node serves it")
        soon(lambda: ask(two, "https://one.test/").status == 200, "its other port is served")
        until(lambda: complains(place, "pi-2"), "it is said", place.tell)
        with ExitStack() as stack:
            runs = [
                stack.enter_context(
                    load(f"https://{ip}/", rate=20, keep_alive=keep, timeout=TIMEOUT_S, host="one.test")
                )
                for ip in (one, two)
                for keep in (True, False)
            ]
            time.sleep(12)  # long enough for it to be looked at again
            program.communicate()
            until(lambda: ask(two, "http://plain.test/").status == 200, "it is served", place.tell, 60)
        lossless([run.result for run in runs])
        until(lambda: "another program" not in place.run("status").stdout, "all is well", place.tell, 90)


def complains(place: Place, node: str) -> bool:
    lines = place.run("status").stdout.splitlines()
    said = "port 80: another program on this node has it"
    return any(said in line for line in lines if line.split()[:2] == [node, "Ready"])


@contextmanager
def taking(lab: Lab, node: str) -> Iterator[subprocess.Popen[str]]:
    """A program on the node listens on port 80."""
    program = subprocess.Popen(
        [*lab.entering(node), sys.executable, "-c", LISTEN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert program.stdout and program.stdout.readline() == "listening\n"
        yield program
    finally:
        program.communicate()  # the end of its input is its end
