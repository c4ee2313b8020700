"""Ingresses on real nodes: hosts, paths, TLS, and what annotations ask for."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from reconciler.lab import Lab
from tests.fleet.ingresses import DOORS, ask, ingress, nginx
from tests.fleet.networking import Place, app, service, serving
from tests.fleet.tls import pair, secret, shown

pytestmark = pytest.mark.fleet

HTTP = "ports: [{port: 80, targetPort: 8080}]"
ONE, TWO = pair("one.test", "www.one.test"), pair("two.test")
PATHS = {
    "/foo": "app",
    "/foo/deeper": "other",
    "Exact /only": "other",
    "ImplementationSpecific /impl": "other",
}
INGRESSES = [
    ingress("one", {"one.test": {"/": "app", "/other": "other"}}, tls={"one-tls": ["one.test"]}),
    ingress("two", {"two.test": {"/": "app"}}, tls={"two-tls": ["two.test"]}, **nginx(ssl_redirect="false")),
    ingress("bare", {"bare.test": {"/": "app"}}, tls={"nowhere-tls": ["bare.test"]}),
    ingress("paths", {"paths.test": PATHS}),
    ingress("wild", {"*.wild.test": {"/": "other"}}),
    ingress("no", {"no.test": {"/": "app"}}, **nginx(whitelist_source_range="192.0.2.0/24")),
    ingress("lan", {"lan.test": {"/": "app"}}, **nginx(allowlist_source_range="192.0.2.0/24, 10.0.0.0/8")),
    ingress("safe", {"safe.test": {"/": "safe:443"}}, **nginx(backend_protocol="HTTPS")),
]


@pytest.fixture(scope="module")
def place(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("ingress")
    pods = "\n---\n".join(app(apps["app:v1"], name=name, replicas=2) for name in ("app", "other"))
    services = [service(name, f"selector: {{app: {name}}}, {HTTP}") for name in ("app", "other")]
    secrets = [secret("one-tls", ONE), secret("two-tls", TWO)]
    with speaking_tls(lab.state.gateway, root) as port:
        outside = by_hand("safe", lab.state.gateway, port)
        text = "".join([pods, *services, outside, *secrets, *INGRESSES])
        with serving(lab, root, text, doors=DOORS) as ready:
            yield ready


def by_hand(name: str, address: str, port: int) -> str:
    """A Service that leads to a server of the LAN."""
    return (
        service(name, f"ports: [{{port: 443, targetPort: {port}}}]")
        + f"""
---
apiVersion: v1
kind: Endpoints
metadata: {{name: {name}}}
subsets: [{{addresses: [{{ip: {address}}}], ports: [{{port: {port}}}]}}]
"""
    )


@contextmanager
def speaking_tls(address: str, folder: Path) -> Iterator[int]:
    """An HTTPS server with a certificate that nobody knows; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"by TLS")

        def log_message(self, *args: object) -> None:
            pass

    own = pair("inside.test")
    (folder / "own.pem").write_text(own.key + own.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem")
    server = ThreadingHTTPServer((address, 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, lab: Lab) -> str:
    """The address of each node that serves Ingresses."""
    return lab.node(request.param).ip


@pytest.fixture
def first(lab: Lab) -> str:
    return lab.node(DOORS[0]).ip


def test_hosts_are_served_by_tls_with_their_own_certificate(place: Place, door: str) -> None:
    for host, known in (("one.test", ONE), ("two.test", TWO)):
        assert shown(door, host).serial_number == known.serial
        assert ask(door, f"https://{host}/").body.startswith("v1 app-")


def test_http_2_is_spoken_to_who_can(place: Place, door: str) -> None:
    found = ask(door, "https://one.test/other/", "--http2")
    assert (found.status, found.version) == (200, "2") and found.body.startswith("v1 other-"), found


def test_plain_http_is_sent_to_https(place: Place, door: str) -> None:
    found = ask(door, "http://one.test/a/b?c=d")
    assert (found.status, found.headers["location"]) == (308, "https://one.test/a/b?c=d"), found


def test_unless_that_is_not_wanted(place: Place, door: str) -> None:
    assert ask(door, "http://two.test/").body.startswith("v1 app-")


def test_a_host_whose_certificate_is_missing_is_served_by_plain_http(place: Place, door: str) -> None:
    assert ask(door, "http://bare.test/").body.startswith("v1 app-")


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/foo", "app"),
        ("/foo/", "app"),
        ("/foo/bar", "app"),
        ("/foo/deeper/bar", "other"),
        ("/foo/deepest", "app"),
        ("/only", "other"),
        ("/impl/x", "other"),
    ],
)
def test_a_path_leads_to_its_service(place: Place, first: str, path: str, to: str) -> None:
    found = ask(first, f"http://paths.test{path}")
    assert found.body.startswith(f"v1 {to}-"), found


@pytest.mark.parametrize("path", ["/", "/foobar", "/only/", "/only/x", "/FOO"])
def test_any_other_path_is_404(place: Place, first: str, path: str) -> None:
    assert ask(first, f"http://paths.test{path}").status == 404


def test_a_wildcard_stands_for_one_label(place: Place, first: str) -> None:
    assert ask(first, "http://any.wild.test/").body.startswith("v1 other-")
    assert ask(first, "http://a.b.wild.test/").status == 404
    assert ask(first, "http://wild.test/").status == 404


def test_a_host_that_nobody_serves_is_404(place: Place, door: str) -> None:
    assert ask(door, "http://nobody.test/").status == 404
    assert ask(door, "https://nobody.test/").status == 404


def test_only_who_is_allowed_gets_in(place: Place, first: str) -> None:
    assert ask(first, "http://no.test/").status == 403
    assert ask(first, "http://lan.test/").status == 200


def test_pods_that_speak_tls_are_spoken_to_by_tls(place: Place, first: str) -> None:
    assert ask(first, "http://safe.test/").body == "by TLS"


def test_the_pod_is_told_of_the_client_and_not_what_the_client_says_of_itself(
    place: Place, first: str
) -> None:
    lies = ["X-Forwarded-For: 9.9.9.9", "X-Forwarded-Proto: gopher", "X-Real-IP: 9.9.9.9"]
    options = [word for lie in lies for word in ("--header", lie)]
    for url, proto, port in (("https://one.test", "https", "443"), ("http://two.test", "http", "80")):
        told = ask(first, f"{url}/request", *options).body.lower().splitlines()
        gateway = place.lab.state.gateway
        for line in (
            f"x-forwarded-for: {gateway}",
            f"x-real-ip: {gateway}",
            f"x-forwarded-proto: {proto}",
            f"x-forwarded-port: {port}",
            f"x-forwarded-host: {url.partition('//')[2]}",
            f"host: {url.partition('//')[2]}",
        ):
            assert told.count(line) == 1, (line, told)
        assert not any("9.9.9.9" in line or "gopher" in line for line in told)


def test_websockets_pass(place: Place, first: str) -> None:
    with socket.create_connection((first, 80), 5) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: two.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(4096)
        assert got.startswith(b"HTTP/1.1 101 "), got
        for word in (b"ping", b"pong"):
            connection.sendall(word)
            assert connection.recv(4096) == word


def test_nodes_that_are_not_labelled_serve_none(place: Place) -> None:
    for port in (80, 443):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((place.lab.node("pi-3").ip, port), 3).close()


def test_status_says_where_an_ingress_is_served(place: Place) -> None:
    page = place.run("status").stdout
    line = next(line for line in page.splitlines() if line.split()[:2] == ["default", "one"])
    assert "one.test" in line and all(place.lab.node(door).ip in line for door in DOORS), page


def test_and_what_an_ingress_lacks(place: Place) -> None:
    said = place.run("validate", str(place.apps))
    assert "there is no Secret default/nowhere-tls, so its hosts are served by plain HTTP" in said.stdout
    note = "note: Ingress default/bare: Secret default/nowhere-tls isn't there"
    assert note in place.run("plan").stdout
    page = place.run("status").stdout
    assert note in page
    line = next(line for line in page.splitlines() if line.split()[:2] == ["default", "bare"])
    assert line.endswith("without a certificate: Secret nowhere-tls"), page


def test_a_converged_fleet_is_told_nothing(place: Place) -> None:
    place.nothing_to_do()
