"""The few sessions of an sshd: lent, asked back, never all in the hands of those who take long."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from reconciler.engine.connection import sessions, ssh
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.sessions import PER_CONNECTION, RESERVED, Sessions
from reconciler.engine.connection.ssh import SshLink
from reconciler.errors import NodeUnreachable
from tests.engine.fake_engine import FakeEngine, answer, fake_engine

REFUSAL = paramiko.ChannelException(2, "Connect failed")


class Channel:
    """To an Engine's socket, as sshd forwards it or `dial-stdio` reaches it."""

    def __init__(self, transport: Sshd, path: Path) -> None:
        import socket

        self._transport, self._socket = transport, socket.socket(socket.AF_UNIX)
        self._path, self.closed, self.eof_received = path, False, False
        self.status_event, self.exit_status = threading.Event(), 0
        self._said = b""

    def exec_command(self, command: str) -> None:
        self._transport.commands.append(command)
        if "dial-stdio" in command:
            self.connect()
        else:
            self.eof_received, self.exit_status = True, self._transport.exit_status
            self._said = b"".join(w.encode() for w in re.findall(r"echo (\S+);", command))  # as a shell does
            self.status_event.set()

    def connect(self) -> Channel:
        self._socket.connect(str(self._path))
        return self

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def set_combine_stderr(self, combine: bool) -> None: ...

    def shutdown_write(self) -> None: ...

    def sendall(self, data: bytes) -> None:
        self._socket.sendall(data)

    def recv(self, size: int) -> bytes:
        if self.eof_received:
            said, self._said = self._said, b""
            return said
        data = self._socket.recv(size)
        self.eof_received = not data
        return data

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._socket.close()
            self._transport.closed(self)


class Sshd:
    """A transport to it. `forwards`: whether it forwards the socket; at most `most` sessions at a time."""

    def __init__(self, path: Path, *, forwards: bool = False, most: int = 10) -> None:
        self.path, self.forwards, self.most = path, forwards, most
        self.commands: list[str] = []
        self.exit_status = 0
        self.asked = 0
        self.active = True
        self._lent: set[Channel] = set()
        self._lock = threading.Lock()
        self.refusal = "open failed"
        self.line = type("Line", (), {"heard_at": 0.0})()

    def is_active(self) -> bool:
        return self.active

    def open_socket(self, _path: str, _timeout: float) -> Channel:
        self.asked += 1
        if not self.forwards:
            raise REFUSAL
        return Channel(self, self.path).connect()

    def open_session(self, timeout: float) -> Channel:
        channel = Channel(self, self.path)
        with self._lock:
            if len(self._lent) >= self.most:
                raise REFUSAL
            self._lent.add(channel)
        return channel

    def closed(self, channel: Channel) -> None:
        with self._lock:
            self._lent.discard(channel)

    @property
    def lent(self) -> int:
        return len(self._lent)

    def close(self) -> None:
        self.active = False


class Node:
    """A fake Engine behind fake sshds, one after the other."""

    def __init__(self, fake: FakeEngine, **settings: Any) -> None:
        self.sshds: list[Sshd] = []
        self._settings = settings
        self._fake = fake
        self.link = SshLink("pi-1", self.another(), str(fake.path), self.another)
        self.engine = Engine(self.link)

    def another(self) -> Any:
        self.sshds.append(Sshd(self._fake.path, **self._settings))
        return (self.sshds[-1],)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path / "s", lambda request: answer(b'{"Name": "pi-1"}')) as one:
        yield one


@pytest.fixture
def held(fake: FakeEngine) -> Iterator[threading.Event]:
    """Until it is set, `/stop` has no answer."""
    over = threading.Event()

    def say(request: str) -> bytes:
        if "/stop" in request:
            over.wait(60)
        return answer(b'{"Name": "pi-1"}')

    fake.say = say
    yield over
    over.set()


def stop(engine: Engine) -> None:
    with engine.stream("POST", "/containers/x/stop", timeout=60) as chunks:
        for _ in chunks:
            pass


def until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.005)


def begin(count: int, work: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_twelve_long_calls_and_a_listing_all_get_through(fake: FakeEngine, held: threading.Event) -> None:
    node = Node(fake)
    threads = begin(12, lambda: stop(node.engine))
    until(lambda: sum("/stop" in r for r in fake.requests) == 12)
    assert node.engine.call("GET", "/info") == {"Name": "pi-1"}
    held.set()
    for thread in threads:
        thread.join(60)
    assert len(node.sshds) == 2, "one more connection was enough"
    node.engine.close()
    assert not any(sshd.active for sshd in node.sshds)


def test_long_calls_leave_room_for_short_ones(
    fake: FakeEngine, held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_CONNECTIONS", 1)
    node = Node(fake)
    threads = begin(12, lambda: stop(node.engine))
    until(lambda: node.sshds[0].lent == PER_CONNECTION - RESERVED and node.link.crowded)
    assert node.engine.call("GET", "/info") == {"Name": "pi-1"}
    held.set()
    for thread in threads:
        thread.join(60)
    assert sum("/stop" in r for r in fake.requests) == 12, "the others came when it was their turn"
    node.engine.close()


def test_who_needs_one_gets_what_is_only_kept_for_later(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MOST_CONNECTIONS", 1)
    node = Node(fake)
    together = threading.Barrier(6)
    fake.say = lambda request: (together.wait(60), answer(b"{}"))[1]
    for thread in begin(6, lambda: node.engine.call("GET", "/info")):
        thread.join(60)
    assert node.sshds[0].lent == 6, "six calls at a time are six connections, kept for the next six"
    links = [node.link.docker(5.0) for _ in range(PER_CONNECTION)]
    assert node.sshds[0].lent == PER_CONNECTION
    with pytest.raises(NodeUnreachable, match="no free SSH session"):
        node.link.docker(0.1)
    for one in links:
        one.close()
    assert node.sshds[0].lent == 0
    node.engine.close()


def test_an_sshd_that_allows_fewer_is_asked_on_another_connection(fake: FakeEngine) -> None:
    node = Node(fake, most=2)
    links = [node.link.docker(5.0) for _ in range(6)]
    assert [sshd.lent for sshd in node.sshds] == [2, 2, 2]
    for one in links:
        one.close()
    node.engine.close()


def test_a_refusal_that_passes_is_forgotten(fake: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an Engine restarts its socket refuses, and the shell finds it back a moment later."""
    monkeypatch.setattr(ssh, "FIRST_TRY", 0.05)
    node = Node(fake)
    (sshd,) = node.sshds
    assert node.engine.call("GET", "/info") == {"Name": "pi-1"}
    assert not node.link.forwards
    assert sshd.lent == 1
    sshd.forwards = True
    until(lambda: node.link.docker(5.0).close() is None and node.link.forwards)
    assert sshd.lent == 0, "what took a session gives it back"
    assert node.engine.call("GET", "/info") == {"Name": "pi-1"}
    node.engine.close()


def test_where_it_is_forbidden_it_is_asked_seldom_and_the_shell_once(
    fake: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(ssh, "monotonic", lambda: clock[0])
    node = Node(fake)
    (sshd,) = node.sshds
    asked = []
    for second in range(200):
        clock[0] = float(second)
        before = sshd.asked
        node.link.docker(5.0).close()
        asked += [second] * (sshd.asked - before)
    assert asked == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    assert sum("version" in command for command in sshd.commands) == 1
    node.engine.close()


def test_a_session_that_cannot_be_opened_is_given_back(fake: FakeEngine) -> None:
    node = Node(fake)
    (sshd,) = node.sshds
    lent = Sessions("pi-1", (sshd,), None)  # type: ignore[arg-type]
    sshd.open_session = lambda timeout: (_ for _ in ()).throw(EOFError())  # type: ignore[method-assign]
    for _ in range(PER_CONNECTION + 1):
        with pytest.raises(NodeUnreachable, match="no SSH session"):
            lent.open(1.0)
    node.engine.close()
