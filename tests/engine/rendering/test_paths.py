"""Every spelling of a path means the same at a real HAProxy, and no spelling passes a limit by address."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from reconciler.engine.rendering.paths import LONGEST
from reconciler.model.request_path import canonical
from tests.engine.rendering.pod import Pod, get
from tests.engine.rendering.proxy import running
from tests.engine.rendering.samples import ingress, route, service, traffic
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy")

SHOP = (
    "/shop", "/shop/", "/shop/x", "/%73hop/", "/%53hop/../shop", "//shop", "///shop//x", "/./shop", "/shop/.",
    "/x/../shop", "/x/%2e%2e/shop", "/x/.%2E/shop", "/../shop", "/a/b/../../shop", "/shop/y/..", "/%2Fshop",
    "/%2e/shop", "/shop%2Fx", "/shop;v=1", "/shop;v=1/x", "/;/shop", "/shop%3Bv/x", "/shop?/../x",
    "http://p.example.net/%73hop/",
)  # fmt: skip
"""What may only come from elsewhere."""
OPEN = (
    "/", "/SHOP", "/shops", "/%2573hop", "/%25%37%33hop", "/shop/..", "/shop%3F", "/shop%23", "/caf%C3%A9/x",
    "/x?/shop", "/x/.../shop", "/..x/shop",
)  # fmt: skip
REFUSED = (
    "/shop%00", "/%00/../shop", "/%", "/%zz/shop", "/x/..;/shop", "/shop//../x", "/shop/;/../x",
    "/shop/..%2fx", "/x%2F..%2Fshop", "/x/%2e%2e%2fshop", "/shop#x", "/x#/../shop", "/x\\..\\shop", "/\\shop",
)  # fmt: skip
"""What servers read in different ways, or nobody can read."""
DOOR = free_port()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pod]]:
    """The address of every pod is its path's; `/shop` and `/hot dogs` take nobody of here."""
    pods = {name: Pod(f"127.0.94.{number}") for number, name in enumerate(("home", "shop", "cafe"), 1)}
    wanted = traffic(
        *(service(pod.endpoint(), name=name, ip="", http=False) for name, pod in pods.items()),
        ingress=ingress(
            route("p.example.net", "/", "home"),
            route("p.example.net", "/shop", "shop", allow=("192.0.2.0/24",)),
            route("p.example.net", "/hot%20dogs/", "shop", allow=("192.0.2.0/24",)),
            route("p.example.net", "/café", "cafe"),
            route("", "/shop", "home"),
            http_port=DOOR,
        ),
    )
    with running(tmp_path_factory.mktemp("proxy"), wanted):
        yield pods
    for pod in pods.values():
        pod.stop()


def status(path: str, host: str = "p.example.net") -> int:
    with closing(socket.create_connection(("127.0.0.1", DOOR), timeout=30)) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        return int(line.recv(1000).split()[1])


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("paths", "expected"),
    [((*SHOP, "/hot%20dogs", "/x/../hot%20dogs/now"), 403), (OPEN, 200), (REFUSED, 400)],
    ids=["limited", "open", "refused"],
)
def test_no_spelling_passes_the_limit_of_another(paths: tuple[str, ...], expected: int) -> None:
    assert {path: status(path) for path in paths} == dict.fromkeys(paths, expected)


@pytest.mark.usefixtures("site")
def test_a_host_may_end_with_a_dot() -> None:
    assert [status("/shop", host) for host in ("P.example.net.", "p.example.net.:80")] == [403, 403]


@pytest.mark.usefixtures("site")
def test_a_host_holds_no_part_of_a_path() -> None:
    """Routes are found by both in one text: `p.example.net/x` and `/shop` would be another route's."""
    odd = (
        "p.example.net/x",
        "p.example.net/x/",
        "/x",
        "p.example.net:80/x",
        "a@p.example.net",
        "p.example.net?",
    )
    assert {host: status("/shop", host) for host in odd} == dict.fromkeys(odd, 400)
    plain = ("", "p_x.example.net", "[::1]:80", "192.0.2.1:80")
    assert {host: status("/shop", host) for host in plain} == dict.fromkeys(plain, 200)


@pytest.mark.usefixtures("site")
def test_a_path_that_would_be_cut_off_is_refused() -> None:
    long = "/" + "%25" * (LONGEST // 3)
    assert [status(f"{long}/../shop"), status(f"{long[:-24]}/../shop")] == [414, 403]


def test_pods_are_sent_what_was_asked(site: dict[str, Pod]) -> None:
    door = ("127.0.0.1", DOOR)
    for path in ("/files/a%2Fb%20c;v=1?q=%2F&r=//", "/x//./y", "/a/../b", "/x%3Fy%23z%2500"):
        said = get(door, path, "p.example.net")[1]
        assert (said["pod"], said["path"]) == (site["home"].ip, path)
    assert get(door, "/caf%C3%A9/au/lait", "p.example.net")[1]["pod"] == site["cafe"].ip


def test_a_manifest_and_a_client_spell_the_same_thing() -> None:
    for path in SHOP[:-1]:
        assert f"{canonical(path.partition('?')[0])}/".startswith("/shop/"), path
    assert [canonical(p) for p in ("", "/%zz", "/a b", "/x%3fy")] == ["/", "/%25zz", "/a%20b", "/x%3Fy"]
