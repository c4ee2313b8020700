"""A node whose Engine says what no Engine says: it is said on the node, hides nothing else, and passes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reconciler.engine.connection import client
from reconciler.engine.connection.local import LocalLink
from reconciler.engine.observing import watch
from reconciler.engine.pods import naming
from reconciler.engine.real import RealNode
from reconciler.model.fleet import Fleet
from reconciler.model.observed import NodeState
from tests.engine.fake_engine import PING, FakeEngine, answer, fake_engine
from tests.engine.pods import record

INFO = {"NCPU": 4, "MemTotal": 1 << 30, "Architecture": "x86_64", "Name": "pi-1", "ServerVersion": "28.5.0"}
ZERO = "0001-01-01T00:00:00Z"


def summary(name: str) -> dict[str, Any]:
    about = {"Names": [f"/{name}"], "State": "running", "Status": "Up 3 hours", "Created": 1_790_000_000}
    tags = naming.container_labels(
        "home", record(name, {"containers": [{"name": "app", "image": "i"}]}), "app", "main"
    )
    return {"Id": name * 64, "Labels": tags, **about}


def inspected(name: str) -> dict[str, Any]:
    state = {"Status": "running", "Running": True, "ExitCode": 0, "OOMKilled": False, "Error": ""}
    times = {"StartedAt": "2026-11-20T12:00:00Z", "FinishedAt": ZERO}
    config = {"Image": "i", "Labels": summary(name)["Labels"]}
    about = {"Name": f"/{name}", "Created": "2026-11-20T12:00:00Z", "Image": "sha256:1", "RestartCount": 0}
    return {"Id": name * 64, "State": {**state, **times}, "Config": config, **about}


class Site:
    """An Engine with two pods, and what it says otherwise: the end of a path -> an answer."""

    def __init__(self, path: Path, fake: FakeEngine) -> None:
        self.fake, self.wrong = fake, dict[str, bytes]()
        self.events = b""
        fake.say = self.say
        doc = {
            "metadata": {"name": "home"},
            "spec": {
                "source": {"directory": {"path": "."}},
                "nodes": [{"name": "pi-1", "address": f"unix://{path}"}],
                "network": {"enabled": False},
            },
        }
        fleet = msgspec.convert({"apiVersion": "reconciler.io/v1", "kind": "Fleet", **doc}, Fleet)
        self.node = RealNode(fleet.spec.nodes[0], fleet)

    def say(self, request: str) -> bytes:
        path = request.partition("?")[0].partition(" ")[2].partition("/v1.44")[2]
        if path in self.wrong:
            return self.wrong[path]
        if path == "/events":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + self.events
        if path.startswith("/containers/") and path != "/containers/json":
            return answer(json.dumps(inspected(path[12])).encode())
        found: Any = {"/info": INFO, "/volumes": {"Volumes": None}, "/networks": []}
        found["/containers/json"] = [summary("a"), summary("b")]
        return answer(json.dumps(found[path]).encode())

    def until(self, holds: Callable[[NodeState], bool]) -> NodeState:
        limit = time.monotonic() + 60
        while not holds(self.node.state()):
            assert time.monotonic() < limit, self.node.state()
            time.sleep(0.01)
        return self.node.state()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(watch, "FIRST_RETRY", 0.02)
    monkeypatch.setattr(client, "MOST_ANSWER", 1 << 16)
    monkeypatch.setattr(LocalLink, "run", lambda *_: (0, b"records:\n"))  # its shell has nothing to tell
    with fake_engine(tmp_path / "s", lambda _: None) as fake:
        one = Site(tmp_path / "s", fake)
        yield one
        one.node.close()


def chunked(*pieces: bytes) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


@pytest.mark.parametrize(
    ("path", "said", "why"),
    [
        ("/info", answer(b"<html>"), "GET /info can't be read"),
        (
            "/info",
            answer(b'{"NCPU": "abc"}'),
            r"GET /info can't be read: Expected `int`, got `str` - at `$.NCPU`",
        ),
        ("/info", answer(b'{"NCPU": -1}'), "at `$.NCPU`"),
        ("/info", answer(b"[]"), "Expected `object`, got `array`"),
        ("/info", answer(b""), "GET /info can't be read"),
        ("/info", answer(b'{"x":' + b"[" * 60_000), "GET /info can't be read"),
        ("/info", answer(b'{"Name": "' + b"x" * 60_000 + b'"}'), "at `$.Name`"),
        (
            "/info",
            chunked(b"{" + b" " * (1 << 17)),
            "GET /info can't be read: more than 65536 bytes were sent",
        ),
        ("/info", b"HTTP/1.1 100 Continue\r\n\r\n" * 6000, "GET /info can't be read: more than 65536 bytes"),
        ("/info", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200, "GET /info"),
        ("/containers/json", answer(b'{"a": 1}'), "GET /containers/json can't be read"),
        ("/volumes", answer(b"[]"), "GET /volumes can't be read"),
        ("/networks", answer(b'[{"Name": 1}]'), "GET /networks can't be read"),
    ],
)
def test_an_answer_that_cannot_be_read_makes_the_node_not_ready_until_it_can(
    site: Site, path: str, said: bytes, why: str
) -> None:
    site.wrong[path] = said
    site.node.start(lambda: None)
    state = site.until(lambda s: s.reachable is False)
    assert why in state.message
    assert len(state.message) < 400
    site.wrong.clear()
    site.until(lambda s: s.reachable is True and len(s.pods) == 2)


@pytest.mark.parametrize("date", [b"", b"Date: yesterday\r\n", b"Date: Fri, 20 Nov 99999 12:00:00 GMT\r\n"])
def test_an_engine_without_a_clock_is_not_ready_until_it_has_one(site: Site, date: bytes) -> None:
    site.fake.ping = b"HTTP/1.1 200 OK\r\nApi-Version: 1.44\r\n%bContent-Length: 2\r\n\r\nOK" % date
    site.node.start(lambda: None)
    state = site.until(lambda s: s.reachable is False)
    assert "GET /_ping can't be read: its header Date isn't a date" in state.message
    site.fake.ping = PING
    site.until(lambda s: s.reachable is True)


def without(value: dict[str, Any], *path: str) -> dict[str, Any]:
    if len(path) == 1:
        return {k: v for k, v in value.items() if k != path[0]}
    return {**value, path[0]: without(value[path[0]], *path[1:])}


@pytest.mark.parametrize(
    "wrong",
    [
        without(inspected("b"), "State"),
        without(inspected("b"), "State", "Status"),
        without(inspected("b"), "Config"),
        {**inspected("b"), "State": []},
        {**inspected("b"), "RestartCount": 1 << 70},
        [],
    ],
)
def test_one_container_that_cannot_be_read_hides_no_other(site: Site, wrong: Any) -> None:
    site.wrong[f"/containers/{'b' * 64}/json"] = answer(json.dumps(wrong).encode())
    site.node.start(lambda: None)
    state = site.until(lambda s: s.reachable is True)
    well, odd = state.pods
    assert well.ready
    assert odd.containers[0].state == "running"
    (complaint,) = state.complaints
    assert f"GET /containers/{'b' * 64}/json can't be read" in complaint


@pytest.mark.parametrize(
    "wrong",
    [
        without(summary("b"), "State"),
        without(summary("b"), "Labels"),
        {**summary("b"), "Labels": {"a": 1}},
        {**summary("b"), "Id": ""},
        None,
    ],
)
def test_one_line_of_a_listing_that_cannot_be_read_is_said_and_left_out(site: Site, wrong: Any) -> None:
    site.wrong["/containers/json"] = answer(json.dumps([summary("a"), wrong]).encode())
    site.node.start(lambda: None)
    state = site.until(lambda s: s.reachable is True)
    assert [pod.record.name for pod in state.pods] == ["a"]
    (complaint,) = state.complaints
    assert "lists a container that can't be read" in complaint


def test_a_state_that_nobody_knows_is_no_more_than_whether_it_runs(site: Site) -> None:
    odd = {**inspected("b"), "State": {**inspected("b")["State"], "Status": "stopped", "Running": False}}
    site.wrong[f"/containers/{'b' * 64}/json"] = answer(json.dumps(odd).encode())
    assert [pod.containers[0].state for pod in site.node.refresh().pods] == ["running", "exited"]


def test_events_that_cannot_be_read_are_said_once_and_cause_listings(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    lines = (b'{"Actor": {}}\n', b"{}\n", b"no JSON\n", b'{"Actor": {"ID": 5}}\n') * 100
    site.events = b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in lines)
    with caplog.at_level(logging.INFO):
        site.node.start(lambda: None)
        state = site.until(lambda s: s.reachable is True and s.complaints != ())
    (complaint,) = state.complaints
    assert "tells of events that can't be read" in complaint
    assert caplog.records == []


def test_events_that_never_begin_are_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "OPENING", 0.1)
    site.wrong["/events"] = b""
    site.node.start(lambda: None)
    state = site.until(lambda s: s.reachable is False)
    assert state.message == "no answer in time to GET /events"
    monkeypatch.setattr(watch, "OPENING", 30.0)
    site.wrong.clear()
    site.until(lambda s: s.reachable is True)


def test_event_streams_that_end_at_once_are_no_storm(site: Site) -> None:
    site.wrong["/events"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    site.node.start(lambda: None)
    site.until(lambda s: s.reachable is True)
    time.sleep(1.0)
    assert sum("/events" in r for r in site.fake.requests) <= 8
    assert sum("/containers/json" in r for r in site.fake.requests) <= 12


def test_what_nobody_expects_is_said_on_the_node_and_passes(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken, caplog.at_level(logging.INFO):
        broken.setattr("reconciler.engine.real.list_pods", lambda *_: {}["x"])
        site.node.start(lambda: None)
        state = site.until(lambda s: s.reachable is False)
        assert state.reason == "NotUnderstood"
        assert state.message == "internal error: KeyError('x'); this is a bug, please report it"
        assert len(caplog.records) == 1
    site.until(lambda s: s.reachable is True)
