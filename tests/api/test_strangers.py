"""Whoever comes to a door, and whatever he does there: the others are served."""

from __future__ import annotations

import contextlib
import errno
import http.client
import logging
import os
import resource
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.api import door as door_module
from reconciler.api import server as server_module
from reconciler.api import stream, webhook
from reconciler.api.callers import ASKED_PER_MINUTE
from reconciler.api.files import DOOR_MOST, door_limit, raise_limit
from reconciler.api.server import MOST_OF_ONE, ApiServer
from reconciler.api.visitor import Patience, origin
from reconciler.cli.ask import UnixConnection
from reconciler.errors import ReconcilerError
from reconciler.source import follow as hook
from tests.api.test_server import FakeDaemon, call, github, tcp, wait_until

HALF_ASKED = b"GET /status HTTP/1.1\r\nHost: x\r\nX-Slow: "


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "api.sock"


@pytest.fixture
def daemon() -> FakeDaemon:
    return FakeDaemon()


@contextlib.contextmanager
def running(daemon: FakeDaemon, path: Path) -> Iterator[ApiServer]:
    server = ApiServer("127.0.0.1:0", path, daemon, verify=github)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(daemon: FakeDaemon, path: Path) -> Iterator[ApiServer]:
    with running(daemon, path) as server:
        yield server


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become hundredths."""
    monkeypatch.setattr(door_module, "LOOK_EVERY_S", 0.01)
    for field, value in {"idle": 0.75, "asking": 0.1, "answered": 0.6}.items():
        monkeypatch.setattr(Patience, field, value, raising=False)


def visit(server: ApiServer, said: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
    assert server.address is not None
    host, _, port = server.address.rpartition(":")
    link = socket.create_connection((host, int(port)), timeout=60, source_address=(source, 0))
    if said:
        link.sendall(said)
    return link


def well(door: http.client.HTTPConnection) -> bool:
    return call(door, "GET", "/healthz")[0] == 200


def ended(link: socket.socket) -> bool:
    """Whether the other side has hung up; waits for it."""
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


@contextlib.contextmanager
def few_files(spare: int) -> Iterator[None]:
    """This process may open but `spare` files more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name.name) for name in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("said", [b"", HALF_ASKED])
def test_a_crowd_from_one_address_keeps_nobody_out(
    server: ApiServer, daemon: FakeDaemon, path: Path, said: bytes
) -> None:
    crowd = [visit(server, said) for _ in range(MOST_OF_ONE + 50)]
    assert well(tcp(server)), "from the same address"
    assert well(UnixConnection(path))
    assert hook.wake(path)
    assert all(ended(link) for link in crowd[:50]), "who has waited longest makes room"
    for link in crowd:
        link.close()


def test_a_crowd_from_everywhere_keeps_nobody_out(server: ApiServer, path: Path) -> None:
    crowd = [visit(server, HALF_ASKED, f"127.0.{n // 50}.{n % 50 + 2}") for n in range(DOOR_MOST + 50)]
    assert well(tcp(server))
    assert well(UnixConnection(path))
    for link in crowd:
        link.close()


def test_more_than_there_are_files_for(
    daemon: FakeDaemon, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with few_files(60):
        limit = door_limit()
        assert limit < DOOR_MOST
        with running(daemon, path) as server:
            hog: list[int] = []
            with contextlib.suppress(OSError):
                while True:
                    hog.append(os.open(os.devnull, os.O_RDONLY))
            os.close(hog.pop())  # for this test's own end of a connection
            with caplog.at_level(logging.WARNING):
                assert hook.wake(path), "the file that was saved for it"
                assert daemon.woken == 1
            for number in hog:
                os.close(number)
            assert len(caplog.records) <= 2
            assert well(tcp(server))


def test_while_others_take_every_file_that_becomes_free_it_is_told_who_is_well(
    server: ApiServer, path: Path
) -> None:
    assert well(tcp(server))  # what is imported late needs files
    idle = [visit(server) for _ in range(3)]
    wait_until(lambda: len(server._doors[1]._visitors) >= 3)
    ours = [socket.socket() for _ in range(12)]
    hog: list[int] = []
    over = threading.Event()

    def take() -> None:
        while not over.wait(0.005):
            with contextlib.suppress(OSError):
                while True:
                    hog.append(os.open(os.devnull, os.O_RDONLY))

    with few_files(8):
        hungry = threading.Thread(target=take)
        hungry.start()
        try:
            wait_until(lambda: len(hog) >= 8)
            for link in ours:
                door = tcp(server)
                host, port = str(server.address).split(":")
                link.settimeout(20)
                link.connect((host, int(port)))
                door.sock = link
                door.request("GET", "/healthz")
                assert door.getresponse().status == 200
                os.dup2(hog[0], link.fileno())  # it is closed, and nobody gets its file
        finally:
            over.set()
            hungry.join()
            for number in hog:
                os.close(number)
    for link in (*ours, *idle):
        link.close()


@pytest.mark.usefixtures("impatient")
def test_a_head_that_drips_ends(server: ApiServer) -> None:
    link = visit(server, b"GET /healthz HTTP/1.1\r\n")
    gone = threading.Event()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while not gone.wait(0.01):
                link.sendall(b"X: y\r\n")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert ended(link)
    finally:
        gone.set()
        dripping.join()


@pytest.mark.usefixtures("impatient")
def test_a_connection_that_asks_nothing_ends(server: ApiServer) -> None:
    assert ended(visit(server))
    again = visit(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert again.recv(15) == b"HTTP/1.1 200 OK"
    while again.recv(4096):
        pass


@pytest.mark.usefixtures("impatient")
def test_an_answer_that_nobody_reads_ends(
    server: ApiServer, daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon.metrics, "text", lambda: b"x" * 30_000_000)
    link = visit(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: bool(server._doors[1]._visitors))
    wait_until(lambda: not server._doors[1]._visitors)
    link.close()


@pytest.mark.usefixtures("impatient")
def test_one_who_follows_may_wait(server: ApiServer, daemon: FakeDaemon, path: Path) -> None:
    connection = UnixConnection(path, 60)
    connection.request("GET", "/follow/abc")
    answer = connection.getresponse()
    assert ended(visit(server)), "others were let go meanwhile"
    daemon.followers.finish("abc", True)
    assert answer.read() == b"exit: 0\n"


def test_one_who_follows_and_never_reads_is_let_go(
    server: ApiServer, daemon: FakeDaemon, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "UNREAD_S", 0.2)
    slow = socket.socket(socket.AF_UNIX)
    slow.connect(str(path))
    slow.sendall(b"GET /follow/abc HTTP/1.1\r\nHost: x\r\n\r\n")
    for _ in range(4000):
        daemon.followers.publish("abc", "x" * 500)
    end = select.poll()
    end.register(slow, 0)  # nothing but the other side's end
    assert end.poll(60_000)
    wait_until(lambda: not daemon.followers._bells)
    slow.close()


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01 a TLS hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: a\r\n\r\n",
        b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request_costs_a_line_at_debug(
    server: ApiServer, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "reconciler"):
        link = visit(server, said)
        while link.recv(4096):
            pass
        assert well(tcp(server))
    assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []
    assert len([r for r in caplog.records if "malformed" in r.message]) <= 1
    assert all(r.exc_info is None and len(r.getMessage()) < 300 for r in caplog.records)


def test_a_body_that_drips_holds_up_no_other(server: ApiServer, daemon: FakeDaemon) -> None:
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
    dripping = [visit(server, head, f"127.0.1.{n}") for n in range(2, 2 + webhook.READ_AT_ONCE)]
    wait_until(lambda: call(tcp(server), "POST", "/webhook", b"{}")[0] == 429)
    assert well(tcp(server))
    for link in dripping:
        link.close()
    wait_until(lambda: call(tcp(server), "POST", "/webhook", b"{}")[0] == 401)


def test_who_asks_too_often_is_put_off_and_still_hears_whether_it_is_well(server: ApiServer) -> None:
    door = tcp(server)
    codes = {call(door, "GET", "/status")[0] for _ in range(ASKED_PER_MINUTE + 1)}
    assert codes == {200, 429}
    assert well(door)


def test_the_socket_is_made_again_when_a_cleaner_took_it(
    daemon: FakeDaemon, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "KEEP_EVERY_S", 0.01)
    with running(daemon, path):
        path.unlink()
        wait_until(path.exists)
        assert well(UnixConnection(path))
        assert path.stat().st_mode & 0o777 == 0o600
    assert not path.exists()


def test_a_disk_that_takes_no_socket_gets_none(
    daemon: FakeDaemon, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, spare = server_module._bind_unix, tmp_path / "runtime" / "home.sock"

    def bind(place: Path) -> socket.socket:
        if place == path:
            cause = OSError(errno.EROFS, "Read-only file system")
            raise ReconcilerError("the socket can't be opened", where=str(place)) from cause
        return real(place)

    monkeypatch.setattr(server_module, "_bind_unix", bind)
    server = ApiServer(None, path, daemon, spare_socket=spare)
    server.start()
    try:
        assert server.unix_socket == spare
        assert well(UnixConnection(spare))
    finally:
        server.stop()
    assert not spare.exists()


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5, 0, 0), "2001:0db8:0001:0002"),
        (("fe80::1%eth0", 5, 0, 2), "fe80:0000:0000:0000"),
        ("", ""),
        (None, ""),
    ],
)
def test_whose_connections_count_together(address: object, counted: str) -> None:
    assert origin(address) == counted


def test_the_soft_limit_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
        now = raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == now >= min(soft, hard, 65_536)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
