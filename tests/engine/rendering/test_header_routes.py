"""Routes by headers through a real HAProxy, with whatever a manifest may say."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from reconciler.model.traffic import HeaderMatch, HeaderRoute, NodeTraffic, RoutedService
from tests.engine.rendering.pod import WEBSOCKET, Greeter, Pod, get
from tests.engine.rendering.proxy import check, running
from tests.engine.rendering.samples import endpoint, ingress, route, service, traffic
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy")

IP = "127.0.96.1"
TRICKY = [
    "}",
    "--",
    "-i",
    "a b",
    "it's",
    'say "x"',
    "$HOME",
    "a\\b",
    "#1",
    "%[src]",
    "{",
    "x }",
    ",",
    "é",
    "'",
    "\\",
]


@pytest.fixture
def pods() -> Iterator[dict[str, Pod]]:
    made = {name: Pod(f"127.0.97.{number}") for number, name in enumerate(("stable", "canary", "other"), 1)}
    yield made
    for pod in made.values():
        pod.stop()


def to(name: str, *matches: HeaderMatch) -> HeaderRoute:
    return HeaderRoute(name=f"to-{name}", service=name, matches=matches)


def match(value: str, how: str = "exact", header: str = "X-Who") -> HeaderMatch:
    return HeaderMatch(header=header, value=value, how=how)  # type: ignore[arg-type]


class Site:
    """`stable`, whose routes lead to `canary` and `other`, both without a way in of their own."""

    def __init__(self, pods: dict[str, Pod]) -> None:
        self.pods = pods
        self.port, self.node_port, self.http = free_port(), free_port(), free_port()
        self.doors = [(IP, self.port), ("127.0.0.1", self.node_port), ("127.0.0.1", self.http)]
        self.names = {pod.ip: name for name, pod in pods.items()}

    def traffic(self, *routes: HeaderRoute, **others: RoutedService) -> NodeTraffic:
        services = {
            name: service(pod.endpoint(), name=name, ip="", port=self.port) for name, pod in self.pods.items()
        } | others
        stable = replace(services["stable"], ip=IP, header_routes=routes)
        stable = replace(stable, ports=(replace(stable.ports[0], node_port=self.node_port),))
        return traffic(
            *(services | {"stable": stable}).values(),
            ingress=ingress(route("", "/", "stable", port=self.port), http_port=self.http),
        )

    def who(self, door: tuple[str, int], **headers: str) -> str:
        """Who answers? Asked over one connection after another that was for nobody in particular."""
        line = http.client.HTTPConnection(*door, timeout=30)
        for sent in ({}, headers):
            line.request("GET", "/", headers=sent)
            response = line.getresponse()
            said = json.loads(response.read())["pod"] if response.status == 200 else str(response.status)
        line.close()
        return self.names.get(said, said)


def test_headers_lead_to_another_service_through_every_door(tmp_path: Path, pods: dict[str, Pod]) -> None:
    site = Site(pods)
    routes = (
        to("canary", match("yes"), match("v[0-9]+|next", "regex", "X-Version")),
        to("other", match("a-", "prefix")),
        to("other", match("yes"), match("v1", header="X-Version")),
    )
    expected = {
        ("yes", "v12"): "canary",
        ("yes", "v1"): "canary",
        ("yes", "next"): "canary",
        ("yes", "xv1"): "stable",
        ("yes", "v1x"): "stable",
        ("yes", "nextv"): "stable",
        ("YES", "v1"): "stable",
        ("no", "v1"): "stable",
        ("a-tester", "v1"): "other",
        ("b-a-tester", "v1"): "stable",
    }
    with running(tmp_path, site.traffic(*routes)):
        for door in site.doors:
            found = {
                (who, version): site.who(door, **{"x-who": who, "X-VERSION": version})
                for who, version in expected
            }
            assert found == expected, door
            assert site.who(door) == "stable"


@pytest.mark.parametrize("how", ["exact", "prefix"])
def test_every_value_means_itself(tmp_path: Path, pods: dict[str, Pod], how: str) -> None:
    site = Site(pods)
    with running(tmp_path, site.traffic()) as proxy:
        for value in TRICKY:
            sent = value.encode().decode("latin-1")
            assert proxy.publish(site.traffic(to("canary", match(value, how)))) is True
            found = {site.who(door, **{"X-Who": sent}) for door in site.doors}
            assert found == {"canary"}, value
            assert site.who(site.doors[0], **{"X-Who": f"z{sent}"}) == "stable", value


def test_what_no_request_can_say_is_never_met(tmp_path: Path, pods: dict[str, Pod]) -> None:
    site = Site(pods)
    hostile = "x\n  http-request deny\n"
    routes = (
        to("canary", match(hostile)),
        to("canary", match(hostile, "regex")),
        to("canary", match("x", header="no such) -m found")),
        to("canary"),
        to("nowhere", match("x")),
    )
    assert check(tmp_path, site.traffic(*routes)) == ""
    with running(tmp_path, site.traffic(*routes)):
        assert {site.who(door, **{"X-Who": "x"}) for door in site.doors} == {"stable"}


def test_endpoints_and_slots_behind_a_route_change_without_a_reload(
    tmp_path: Path, pods: dict[str, Pod]
) -> None:
    site = Site(pods)
    only = to("canary", match("x"))

    def published(live: str, *slots: str) -> NodeTraffic:
        ends = {"a": pods["canary"].endpoint(slot="a"), "b": pods["other"].endpoint(slot="b")}
        behind = (ends[slot] for slot in slots)
        canary = service(*behind, name="canary", ip="", port=site.port, live=live)
        return site.traffic(only, canary=canary)

    with running(tmp_path, published("a", "a")) as proxy:
        for step, answers in (
            (published("a", "a", "b"), "canary"),
            (published("b", "a", "b"), "other"),
            (published("b", "b"), "other"),
            (published("b", "a"), "503"),
        ):
            assert proxy.publish(step) is False
            assert {site.who(door, **{"X-Who": "x"}) for door in site.doors} == {answers}
            assert {site.who(door) for door in site.doors} == {"stable"}
        assert proxy.publish(site.traffic()) is True


def test_one_route_leads_once(tmp_path: Path, pods: dict[str, Pod]) -> None:
    site = Site(pods)
    further = to("other", match("x"))
    canary = service(
        pods["canary"].endpoint(), name="canary", ip="", port=site.port, header_routes=(further,)
    )
    with running(tmp_path, site.traffic(to("canary", match("x")), canary=canary)):
        assert {site.who(door, **{"X-Who": "x"}) for door in site.doors} == {"canary"}


def test_what_is_not_http_passes_as_before_and_headers_in_pieces_are_waited_for(
    tmp_path: Path, pods: dict[str, Pod]
) -> None:
    site, greeter = Site(pods), Greeter("127.0.97.9")
    stable = service(greeter.endpoint(), name="stable", port=site.port, live="")
    with running(tmp_path, site.traffic(to("canary", match("x")), stable=stable)):
        for words in (b"\x16\x03\x01 not http\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with socket.create_connection((IP, site.port), timeout=30) as line:
                line.sendall(words)
                heard = b""
                while len(heard) < len(b"hello\n") + len(words):
                    heard += line.recv(100)
                assert heard == b"hello\n" + words
        with socket.create_connection((IP, site.port), timeout=30) as line:
            # Headers in two pieces: nobody decides before they are all there.
            first, second = WEBSOCKET.replace(b"Host: x", b"Host: x\r\nX-Who: x").split(b"X-Who")
            line.sendall(first)
            line.sendall(b"X-Who" + second)
            assert b" 101 " in line.recv(1000)
    greeter.stop()


def test_the_nodes_own_endpoints_stay_the_only_ones(tmp_path: Path, pods: dict[str, Pod]) -> None:
    port = free_port()
    ends = (pods["canary"].endpoint(node="pi-1"), pods["other"].endpoint(node="pi-2"))
    found = traffic(
        service(
            endpoint("s", "127.0.97.77"),
            ip=IP,
            port=port,
            internal_local=True,
            header_routes=(to("canary", match("x")),),
        ),
        service(*ends, name="canary", ip="", port=port),
    )
    with running(tmp_path, found):
        assert {get((IP, port), **{"X-Who": "x"})[1]["pod"] for _ in range(6)} == {pods["canary"].ip}
