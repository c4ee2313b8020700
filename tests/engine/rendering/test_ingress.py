"""Ingress through a real HAProxy: hosts, paths, TLS, redirects, limits."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.model.traffic import Certificate, Challenge, IngressRoute, NodeTraffic
from tests.engine.rendering.pod import WEBSOCKET, Pod, get
from tests.engine.rendering.proxy import running
from tests.engine.rendering.samples import ingress, route, service, traffic
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy")

ROUTES = (
    route("shop.example.org", "/", "whole"),
    route("shop.example.org", "/cart", "cart"),
    route("shop.example.org", "/cart/pay/", "pay"),
    route("shop.example.org", "/cart", "exact", exact=True),
    route("*.example.org", "/", "wild"),
    route("", "/any", "any"),
)


@pytest.fixture
def pods() -> Iterator[dict[str, Pod]]:
    names = ("whole", "cart", "pay", "exact", "wild", "any")
    made = {name: Pod(f"127.0.93.{number}") for number, name in enumerate(names, 1)}
    yield made
    for pod in made.values():
        pod.stop()


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A certificate of our own for shop.example.org, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    ask = f"openssl req -x509 {key} -days 2 -subj /CN=shop.example.org"
    subprocess.run(
        [*ask.split(), "-keyout", str(folder / "key"), "-out", str(folder / "chain")],
        check=True,
        capture_output=True,
    )
    return (folder / "chain").read_bytes() + (folder / "key").read_bytes()


def site(pods: dict[str, Pod], *routes: IngressRoute, **fields: object) -> NodeTraffic:
    services = [service(pod.endpoint(), name=name, ip="", http=False) for name, pod in pods.items()]
    ports = {"http_port": free_port(), "https_port": free_port()}
    return traffic(*services, ingress=ingress(*routes, **{**ports, **fields}))


def test_the_longest_path_of_the_nearest_host(tmp_path: Path, pods: dict[str, Pod]) -> None:
    wanted = site(pods, *ROUTES)
    assert wanted.ingress
    door = ("127.0.0.1", wanted.ingress.http_port)
    names = {pod.ip: name for name, pod in pods.items()}
    expected = {
        ("shop.example.org", "/"): "whole",
        ("SHOP.example.org:8080", "/x?y=/cart"): "whole",
        ("shop.example.org", "/cart"): "exact",
        ("shop.example.org", "/cart/"): "cart",
        ("shop.example.org", "/cart/x"): "cart",
        ("shop.example.org", "/carton"): "whole",
        ("shop.example.org", "/cart/pay"): "pay",
        ("shop.example.org", "/cart/pay/now?x"): "pay",
        ("blog.example.org", "/cart"): "wild",
        ("a.blog.example.org", "/"): "",
        ("example.org", "/"): "",
        ("elsewhere", "/any/thing"): "any",
        ("elsewhere", "/anything"): "",
    }
    with running(tmp_path, wanted):
        found = {}
        for host, path in expected:
            status, said, _ = get(door, path, host)
            found[host, path] = names[said["pod"]] if status == 200 else "" if status == 404 else str(status)
    assert found == expected


def test_pods_are_told_who_asked_and_believe_no_client(tmp_path: Path, pods: dict[str, Pod]) -> None:
    wanted = site(pods, *ROUTES)
    assert wanted.ingress
    with running(tmp_path, wanted):
        door = ("127.0.0.1", wanted.ingress.http_port)
        told = ("X-Forwarded-For", "X_Forwarded_For", "X-Real_IP", "X_Forwarded_Proto", "Forwarded")
        # After an upgrade to HTTP/2 any path could be asked for.
        claims = {**dict.fromkeys(told, "1.2.3.4"), "Connection": "Upgrade", "Upgrade": "h2c"}
        headers = get(door, "/", "shop.example.org", **claims)[1]["headers"]
        assert "1.2.3.4" not in headers.values()
        assert "upgrade" not in headers
        assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
        assert headers["x-forwarded-proto"] == "http"
        assert headers["x-forwarded-host"] == headers["host"] == "shop.example.org"
        with closing(socket.create_connection(door, timeout=30)) as line:
            line.sendall(WEBSOCKET.replace(b"Host: x", b"Host: shop.example.org"))
            assert b" 101 " in line.recv(1000)
            line.sendall(b"anything")
            assert line.recv(100) == b"anything"


def test_redirects_limits_and_challenges(tmp_path: Path, pods: dict[str, Pod], pem: bytes) -> None:
    wanted = site(
        pods,
        route("shop.example.org", "/", "whole", redirect=True, allow=("10.0.0.0/8",)),
        route("shop.example.org", "/cart", "cart", redirect=True),
        route("shop.example.org", "/pay", "pay", timeout_seconds=0),
        challenges=(
            Challenge(token="tok_en-1", answer="tok_en-1.thumb"),
            Challenge(token="bad", answer='"\n'),
        ),
        certificates=(Certificate(namespace="default", secret="shop", digest="1"),),
    )
    assert wanted.ingress
    with running(tmp_path, wanted, {"default/shop": pem, "default/other": b"never read"}):
        door = ("127.0.0.1", wanted.ingress.http_port)
        assert not (tmp_path / "certs/default_other.pem").exists()
        assert get(door, "/", "shop.example.org")[0] == 403
        status, _, response = get(door, "/cart?x=1", "shop.example.org")
        wanted_place = f"https://shop.example.org:{wanted.ingress.https_port}/cart?x=1"
        assert (status, response.getheader("location")) == (308, wanted_place)
        status, said, _ = get(door, "/.well-known/acme-challenge/tok_en-1", "shop.example.org")
        assert (status, said["text"]) == (200, "tok_en-1.thumb")


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_https_is_ended_here(tmp_path: Path, pods: dict[str, Pod], pem: bytes, protocol: str) -> None:
    wanted = site(pods, *ROUTES, certificates=(Certificate(namespace="default", secret="shop", digest="1"),))
    assert wanted.ingress
    with running(tmp_path, wanted, {"default/shop": pem}):
        trusting = ssl.create_default_context(cadata=pem.decode().split("-----BEGIN PRIVATE")[0])
        trusting.check_hostname = False  # the sample says its name in the old place
        trusting.set_alpn_protocols([protocol])
        raw = socket.create_connection(("127.0.0.1", wanted.ingress.https_port), timeout=30)
        with trusting.wrap_socket(raw, server_hostname="shop.example.org") as line:
            assert line.selected_alpn_protocol() == protocol
            if protocol == "http/1.1":
                line.sendall(b"GET /cart/x HTTP/1.1\r\nHost: shop.example.org\r\nConnection: close\r\n\r\n")
                heard = b"".join(iter(lambda: line.recv(10000), b""))
                assert pods["cart"].ip.encode() in heard and b'"x-forwarded-proto": "https"' in heard


def test_pods_that_speak_https_and_pods_that_are_late(
    tmp_path: Path, pods: dict[str, Pod], pem: bytes
) -> None:
    (tmp_path / "pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    secret = [Pod(f"127.0.93.{number}", context) for number in (20, 21)]

    def published(*behind: Pod) -> NodeTraffic:
        return traffic(
            service(*(pod.endpoint() for pod in behind), name="secret", ip="", http=False),
            service(pods["whole"].endpoint(), ip="", http=False),
            ingress=ingress(
                route("", "/", "secret", backend_tls=True),
                route("", "/slow", "web", timeout_seconds=3),
                http_port=port,
            ),
        )

    port = free_port()
    with running(tmp_path, published(secret[0])) as proxy:
        assert get(("127.0.0.1", port))[1]["pod"] == secret[0].ip
        assert proxy.publish(published(secret[1])) is False
        assert get(("127.0.0.1", port))[1]["pod"] == secret[1].ip
        assert get(("127.0.0.1", port), "/slow")[0] == 200
        assert get(("127.0.0.1", port), "/slow/very")[0] == 504
    for pod in secret:
        pod.stop()
