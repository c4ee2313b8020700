"""The watch against an Engine that says what the test wants: events, deaths, silence."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.observing import watch
from reconciler.engine.observing.watch import LAST_RETRY, Watch, retries
from reconciler.errors import NodeUnreachable, ReconcilerError
from reconciler.model.fleet import NodeSpec
from tests.engine.fake_engine import FakeEngine, fake_engine

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(container: str) -> bytes:
    line = f'{{"Action":"die","Actor":{{"ID":"{container}"}}}}\n'.encode()
    return b"%x\r\n%b\r\n" % (len(line), line)


class Node:
    """What a watch drives, written down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log: list[str] = []
        self.measured: list[list[str]] = []
        """What had been written down each time."""
        self.failing: list[Exception] = []
        self.reasons: list[str] = []
        """Why it was lost, each time."""
        self.something = threading.Event()
        self._engine: Engine | None = None

    def reach(self) -> Engine:
        if self._engine is None or not self._engine.alive:
            self._engine = connect(NodeSpec(name="pi-1", address=f"unix://{self.path}"))
        return self._engine

    def relist(self, *, full: bool) -> None:
        if self.failing:
            raise self.failing.pop()
        self._say("full" if full else "list")

    def measure(self) -> None:
        self.measured.append([*self.log])

    def stale(self, container_id: str) -> None:
        self._say(f"stale {container_id}")

    def said(self, complaint: str) -> None:
        if complaint:
            self._say(complaint)

    def lost(self, error: ReconcilerError) -> None:
        self.reasons.append(error.line)
        self._say("lost")

    def drop(self, engine: Engine) -> None:
        engine.close()
        self._say("drop")

    def _say(self, word: str) -> None:
        self.log.append(word)
        self.something.set()

    def until(self, word: str, times: int = 1) -> None:
        self.until_(lambda: self.log.count(word) >= times, f"{word} x{times}")

    def until_(self, holds: Callable[[], bool], what: str = "it") -> None:
        limit = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < limit, f"never {what}: {self.log}"
            self.something.wait(0.02)
            self.something.clear()


Begin = Callable[..., tuple[FakeEngine, Node]]


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    monkeypatch.setattr(watch, "FIRST_RETRY", 0.02)
    monkeypatch.setattr(watch, "BREATH", 0.01)
    running: list[Watch] = []
    with fake_engine(tmp_path / "s", lambda request: STREAM if "/events" in request else None) as fake:

        def start(say: Callable[[str], bytes | None] | None = None) -> tuple[FakeEngine, Node]:
            fake.say = say or fake.say
            node = Node(fake.path)
            running.append(Watch("pi-1", "home", node))
            running[-1].start()
            return fake, node

        yield start
        for one in running:
            one.stop()


def test_it_follows_before_it_lists_and_only_our_fleets_containers(begin: Begin) -> None:
    fake, node = begin()
    node.until("full")
    events = next(r for r in fake.requests if "/events" in r)
    assert "reconciler.io%2Ffleet%3Dhome" in events
    assert "since=" in events
    assert "exec" not in events


def test_an_event_causes_a_listing_at_once(begin: Begin) -> None:
    fake, node = begin()
    node.until("full")
    fake.open[-1].sendall(event("c1"))
    node.until("list")  # long before the next full listing, which is a minute away
    assert node.log == ["full", "stale c1", "list"]


def test_a_burst_of_events_causes_few_listings(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "BREATH", 0.5)
    fake, node = begin()
    node.until("full")
    for i in range(50):
        fake.open[-1].sendall(event(f"c{i}"))
    node.until("stale c49")
    node.until("list")
    time.sleep(0.7)
    assert node.log.count("list") <= 10


def test_a_stream_that_ends_is_opened_again_and_everything_listed(begin: Begin) -> None:
    fake, node = begin()
    node.until("full")
    fake.hang_up()
    node.until("list")
    node.until_(lambda: sum("/events" in r for r in fake.requests) == 2)
    fake.open[-1].sendall(event("c2"))
    node.until("stale c2")
    assert "lost" not in node.log


def test_a_lost_node_is_tried_again_until_it_is_back(begin: Begin) -> None:
    down = iter([True] * 3)
    _, node = begin(lambda request: None if next(down, False) else STREAM)
    node.until("lost", 3)
    node.until("full")


def test_a_listing_that_fails_is_a_lost_node_and_is_tried_again(begin: Begin) -> None:
    fake, node = begin()
    node.until("full")
    node.failing.append(NodeUnreachable("no answer", node="pi-1"))
    fake.open[-1].sendall(event("c1"))
    node.until("lost")
    node.until("full", 2)


def test_a_silent_node_is_asked_and_given_up(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT", 0.05)
    monkeypatch.setattr(watch, "VERDICT", 0.2)
    fake, node = begin()
    node.until("full")
    fake.mute = True
    node.until("drop")
    node.until("lost")
    fake.mute = False
    node.until("full", 2)


def test_waits_double_up_to_half_a_minute_and_are_never_the_same() -> None:
    waits = list(itertools.islice(retries(), 12))
    assert 0.25 <= waits[0] <= 0.5
    assert all(w <= LAST_RETRY for w in waits)
    assert min(waits[-3:]) >= LAST_RETRY / 2
    assert list(itertools.islice(retries(), 12)) != waits


def test_an_engine_that_refuses_is_lost_at_once_though_its_machine_answers(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT", 0.05)
    monkeypatch.setattr(watch, "VERDICT", 5.0)
    fake, node = begin()
    node.until("full")
    fake.refuse = True
    node.until("lost")
    assert "drop" not in node.log


def test_what_takes_a_shell_is_asked_in_a_quiet_moment_and_once(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT", 0.1)
    _, node = begin()
    limit = time.monotonic() + 60
    while not node.measured:
        assert time.monotonic() < limit
        time.sleep(0.01)
    time.sleep(0.5)
    assert node.measured == [["full"]]
