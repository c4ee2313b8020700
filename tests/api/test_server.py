"""The two doors, over real sockets on this machine."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.api import server as server_module
from reconciler.api import stream
from reconciler.api.callers import MAX_CALLERS, Budget, Callers
from reconciler.api.daemon import Verify
from reconciler.api.follow import Followers
from reconciler.api.metrics import Metrics
from reconciler.api.server import ApiServer
from reconciler.api.webhook import MAX_BODY, PER_MINUTE
from reconciler.cli.ask import UnixConnection
from reconciler.errors import ReconcilerError
from reconciler.model.observed import NodeState, Observed
from reconciler.record.overview import Overview, overview
from reconciler.source import follow as hook
from reconciler.source import webhook as signature

SECRET = b"correct horse"


class FakeDaemon:
    def __init__(self) -> None:
        self.followers, self.metrics = Followers(), Metrics("home")
        self.woken, self.health = 0, (True, "the loop ran 1 s ago")

    def overview(self) -> Overview:
        return overview("home", Observed([NodeState(name="pi-1", reachable=True)]), 1000.0)

    def healthy(self) -> tuple[bool, str]:
        return self.health

    def wake(self) -> None:
        self.woken += 1


def github(headers: Mapping[str, str], body: bytes) -> str | None:
    """As GitHub signs: the header's name comes in any case."""
    wanted = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    given = headers.get("x-hub-signature-256", "")
    return None if hmac.compare_digest(wanted, given) else "the signature doesn't match"


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@pytest.fixture
def door(tmp_path: Path) -> Path:
    return tmp_path / "run" / "api.sock"


@pytest.fixture
def server(daemon: FakeDaemon, door: Path) -> Iterator[ApiServer]:
    running = ApiServer("127.0.0.1:0", door, daemon, verify=github)
    running.start()
    yield running
    running.stop()


def tcp(server: ApiServer) -> http.client.HTTPConnection:
    assert server.address is not None
    return http.client.HTTPConnection(server.address, timeout=10)


def call(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, str]:
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_healthz_says_what_the_daemon_says(server: ApiServer, daemon: FakeDaemon) -> None:
    assert call(tcp(server), "GET", "/healthz") == (200, "the loop ran 1 s ago\n")
    daemon.health = (False, "the loop hangs for 300 s")
    assert call(tcp(server), "GET", "/healthz") == (503, "the loop hangs for 300 s\n")


def test_metrics_are_prometheus_text(server: ApiServer) -> None:
    connection = tcp(server)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b'reconciler_fleet_info{fleet="home"} 1.0' in answer.read()


@pytest.mark.parametrize("through_tcp", [True, False])
def test_status_is_the_overview(server: ApiServer, door: Path, through_tcp: bool) -> None:
    code, body = call(tcp(server) if through_tcp else UnixConnection(door), "GET", "/status")
    told = json.loads(body)
    assert code == 200
    assert told["fleet"] == "home"
    assert told["nodes"][0]["name"] == "pi-1"


def test_the_tcp_door_changes_nothing(server: ApiServer, daemon: FakeDaemon) -> None:
    assert call(tcp(server), "POST", "/wake")[0] == 404
    assert call(tcp(server), "GET", "/follow/abc")[0] == 404
    assert call(tcp(server), "POST", "/status")[0] == 405
    assert daemon.woken == 0


def test_the_unix_door_wakes(server: ApiServer, daemon: FakeDaemon, door: Path) -> None:
    assert call(UnixConnection(door), "POST", "/wake") == (202, "awake\n")
    assert daemon.woken == 1
    assert door.stat().st_mode & 0o777 == 0o600


def wait_until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def signed(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()


def test_a_signed_webhook_wakes(server: ApiServer, daemon: FakeDaemon) -> None:
    body = b'{"ref": "refs/heads/main"}'
    assert call(tcp(server), "POST", "/webhook", body, X_Hub_Signature_256=signed(body)) == (202, "awake\n")
    assert daemon.woken == 1


@pytest.mark.parametrize("signature", ["", "sha256=00", signed(b"another body")])
def test_any_other_does_not(server: ApiServer, daemon: FakeDaemon, signature: str) -> None:
    code, said = call(tcp(server), "POST", "/webhook", b"{}", X_Hub_Signature_256=signature)
    assert (code, said) == (401, "the signature doesn't match\n")
    assert daemon.woken == 0


def test_a_huge_webhook_is_refused_unread(server: ApiServer, daemon: FakeDaemon) -> None:
    body = b"x" * (MAX_BODY + 1)
    code, _ = call(tcp(server), "POST", "/webhook", body, X_Hub_Signature_256=signed(body))
    assert code == 413
    assert daemon.woken == 0


def test_a_flood_of_webhooks_is_cut(server: ApiServer, daemon: FakeDaemon) -> None:
    connection = tcp(server)
    codes = [call(connection, "POST", "/webhook", b"{}")[0] for _ in range(PER_MINUTE + 5)]
    assert codes == [401] * PER_MINUTE + [429] * 5


def test_a_budget_comes_back_with_time() -> None:
    budget = Budget(2, 60.0)
    assert [budget.take(t) for t in (0.0, 1.0, 2.0, 60.0, 60.5, 61.0)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]


def test_callers_do_not_share_a_budget_and_are_forgotten() -> None:
    callers = Callers(PER_MINUTE)
    for _ in range(PER_MINUTE):
        callers.may_call("10.0.0.1", 0.0)
    assert not callers.may_call("10.0.0.1", 0.0)
    assert callers.may_call("10.0.0.2", 0.0)
    for n in range(2 * MAX_CALLERS):
        callers.may_call(f"address {n}", 0.0)
    assert len(callers._budgets) == MAX_CALLERS


@pytest.mark.parametrize("verify", [None])
def test_without_a_secret_there_is_no_webhook(daemon: FakeDaemon, verify: Verify | None) -> None:
    server = ApiServer("127.0.0.1:0", None, daemon, verify=verify)
    server.start()
    try:
        assert call(tcp(server), "POST", "/webhook", b"{}")[0] == 404
    finally:
        server.stop()


def test_a_follower_gets_each_line_when_it_comes(
    server: ApiServer, daemon: FakeDaemon, door: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK_EVERY_S", 60.0)
    connection = UnixConnection(door)
    daemon.followers.publish("abc", "earlier")
    connection.request("GET", "/follow/abc")
    answer = connection.getresponse()
    assert answer.readline() == b"earlier\n"
    daemon.followers.publish("abc", "now")
    assert answer.readline() == b"now\n", "at once: the next look is further away than the time-out"
    daemon.followers.finish("abc", False, "no image")
    assert answer.read() == b"exit: 1 no image\n"


def test_the_hooks_way_of_following(server: ApiServer, daemon: FakeDaemon, door: Path) -> None:
    assert hook.wake(door)
    assert daemon.woken == 1
    said: list[str] = []
    codes: list[int] = []
    pusher = threading.Thread(target=lambda: codes.append(hook.follow(door, "abc", said.append, 60)))
    pusher.start()
    daemon.followers.publish("abc", "start web-1")
    daemon.followers.finish("abc", False, "no image")
    pusher.join(60)
    assert (codes, said) == ([1], ["start web-1", "not converged: no image"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"X-Hub-Signature-256": "sha256=" + hmac.new(SECRET, b"{}", hashlib.sha256).hexdigest()}, 202),
        ({"X-Gitea-Signature": hmac.new(SECRET, b"{}", hashlib.sha256).hexdigest()}, 202),
        ({"X-Gitlab-Token": SECRET.decode()}, 202),
        ({"X-Gitlab-Token": "wrong"}, 401),
        ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
        ({}, 401),
    ],
)
def test_each_forge_end_to_end(daemon: FakeDaemon, headers: dict[str, str], code: int) -> None:
    server = ApiServer("127.0.0.1:0", None, daemon, verify=lambda h, b: signature.verify(h, b, SECRET))
    server.start()
    try:
        connection = tcp(server)
        connection.request("POST", "/webhook", b"{}", headers)
        answer = connection.getresponse()
        assert answer.status == code
        assert SECRET not in answer.read()
        assert daemon.woken == (code == 202)
    finally:
        server.stop()


def test_a_follower_that_stops_reading_holds_up_nobody(
    server: ApiServer, daemon: FakeDaemon, door: Path
) -> None:
    slow = socket.socket(socket.AF_UNIX)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(str(door))
    slow.sendall(b"GET /follow/abc HTTP/1.1\r\nHost: x\r\n\r\n")
    began = time.monotonic()
    for _ in range(4000):
        daemon.followers.publish("abc", "x" * 500)
    daemon.followers.finish("abc", True)
    assert time.monotonic() - began < 20
    quick = UnixConnection(door)
    assert call(quick, "GET", "/follow/abc")[1].endswith("exit: 0\n")
    slow.close()


def test_a_follower_that_hangs_up_is_let_go(server: ApiServer, daemon: FakeDaemon, door: Path) -> None:
    quiet = socket.socket(socket.AF_UNIX)
    quiet.connect(str(door))
    quiet.sendall(b"GET /follow/abc HTTP/1.1\r\nHost: x\r\n\r\n")
    quiet.recv(100)
    wait_until(lambda: len(daemon.followers._bells) == 1)
    quiet.close()
    wait_until(lambda: not daemon.followers._bells)


def test_stopping_ends_open_streams(daemon: FakeDaemon, door: Path) -> None:
    server = ApiServer(None, door, daemon)
    server.start()
    connection = UnixConnection(door)
    connection.request("GET", "/follow/abc")
    answer = connection.getresponse()
    threading.Timer(0.1, server.stop).start()
    began = time.monotonic()
    assert answer.read() == b""
    assert time.monotonic() - began < 30
    server.stop()
    assert not door.exists()


def test_a_port_in_use_says_so_and_what_to_do(server: ApiServer, daemon: FakeDaemon) -> None:
    assert server.address is not None
    second = ApiServer(server.address, None, daemon)
    with pytest.raises(ReconcilerError) as failed:
        second.start()
    assert "in use" in failed.value.message
    assert "spec.serve.listen" in failed.value.remedy
    assert failed.value.where == server.address


@pytest.mark.parametrize("listen", ["nonsense", "1.2.3.4:99999", "host:"])
def test_an_address_that_is_none(daemon: FakeDaemon, listen: str) -> None:
    with pytest.raises(ReconcilerError) as failed:
        ApiServer(listen, None, daemon).start()
    assert "expected host:port" in failed.value.message


def test_an_address_of_another_machine(daemon: FakeDaemon) -> None:
    with pytest.raises(ReconcilerError) as failed:
        ApiServer("192.0.2.1:7420", None, daemon).start()
    assert "can't be listened on" in failed.value.message


def test_a_name_that_nobody_resolves_in_time(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forever(*_: object, **__: object) -> None:
        await asyncio.sleep(600)

    monkeypatch.setattr(server_module, "START_TIMEOUT_S", 0.5)
    server = ApiServer("slow.example:7420", None, daemon)
    monkeypatch.setattr(server._loop, "getaddrinfo", forever)
    with pytest.raises(ReconcilerError, match=r"can't be listened on within 0\.5 s") as failed:
        server.start()
    assert failed.value.where == "slow.example:7420"
    assert not server._thread.is_alive()


def test_a_socket_left_by_a_killed_one_is_replaced(daemon: FakeDaemon, tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "api.sock"))
    left.close()
    server = ApiServer(None, tmp_path / "api.sock", daemon)
    server.start()
    assert call(UnixConnection(tmp_path / "api.sock"), "GET", "/healthz")[0] == 200
    server.stop()


def test_a_socket_path_that_is_too_long(daemon: FakeDaemon, tmp_path: Path) -> None:
    with pytest.raises(ReconcilerError) as failed:
        ApiServer(None, tmp_path / ("x" * 120) / "api.sock", daemon).start()
    assert "shorter than 100 characters" in failed.value.remedy
