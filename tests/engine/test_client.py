"""The client against an Engine that says exactly what the test wants, on a local socket."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine.connection.client import Engine, connect
from reconciler.errors import (
    CallTimeout,
    CommandTimeout,
    EngineError,
    LoginRefused,
    NodeError,
    NodeUnreachable,
    NotFound,
)
from reconciler.model.fleet import NodeSpec
from tests.engine.fake_engine import FakeEngine, answer, fake_engine

Start = Callable[..., tuple[FakeEngine, Engine]]


def spec(path: Path) -> NodeSpec:
    return NodeSpec(name="pi-1", address=f"unix://{path}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    closing: list[Engine] = []
    with fake_engine(tmp_path / "s", lambda request: None) as fake:

        def begin(say: Callable[[str], bytes | None]) -> tuple[FakeEngine, Engine]:
            fake.say = say
            engine = connect(spec(fake.path))
            closing.append(engine)
            return fake, engine

        yield begin
        for engine in closing:
            engine.close()


def test_json_in_json_out_and_the_version_in_the_path(start: Start) -> None:
    fake, engine = start(lambda request: answer(b'{"Id": "x"}'))
    assert engine.call("POST", "/containers/create", body={"a": 1}, params={"name": "w", "all": True}) == {
        "Id": "x"
    }
    assert engine.api_version == "1.44"
    assert fake.requests == ["GET /_ping", "POST /v1.44/containers/create?name=w&all=1"]


def test_filters_travel_as_json(start: Start) -> None:
    fake, engine = start(lambda request: answer(b"[]"))
    engine.call("GET", "/containers/json", params={"filters": {"label": ["a=b"]}})
    assert fake.requests[-1].endswith("?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D")


def test_calls_share_a_connection_also_after_a_refusal(start: Start) -> None:
    fake, engine = start(lambda request: answer(b'{"message": "No such container: x"}', "404 Not Found"))
    for _ in range(3):
        with pytest.raises(NotFound, match="No such container"):
            engine.call("GET", "/containers/x/json")
    assert fake.connections == 1


def test_an_empty_answer_is_none(start: Start) -> None:
    _, engine = start(lambda request: b"HTTP/1.1 204 No Content\r\n\r\n")
    assert engine.call("POST", "/containers/x/start") is None


def test_a_body_without_a_length_is_read_to_its_end(start: Start) -> None:
    body = b"x" * 300_000
    _, engine = start(lambda request: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
    with engine.stream("GET", "/containers/x/logs") as chunks:
        assert b"".join(chunks) == body


def test_a_connection_that_breaks_in_the_middle_is_a_lost_node(start: Start) -> None:
    _, engine = start(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc")
    with pytest.raises(NodeUnreachable, match="GET /info"):
        engine.call("GET", "/info")


def test_after_the_engine_was_restarted_calls_go_on(start: Start) -> None:
    fake, engine = start(lambda request: answer(b"[]"))
    assert engine.call("GET", "/containers/json") == []
    fake.hang_up()
    assert engine.call("POST", "/containers/x/start") == []
    assert fake.connections == 2


def test_a_post_is_never_sent_twice(start: Start) -> None:
    said: list[bytes | None] = [answer(b"[]"), None]
    fake, engine = start(lambda request: said.pop(0))
    engine.call("GET", "/info")
    with pytest.raises(NodeUnreachable):
        engine.call("POST", "/containers/create", body={})
    assert [r for r in fake.requests if r.startswith("POST")] == ["POST /v1.44/containers/create"]


def test_a_get_whose_connection_breaks_is_asked_again(start: Start) -> None:
    said: list[bytes | None] = [answer(b"[]"), None, answer(b"[1]")]
    _, engine = start(lambda request: said.pop(0))
    engine.call("GET", "/info")
    assert engine.call("GET", "/info") == [1]


def test_silence_ends_in_time(start: Start) -> None:
    fake, engine = start(lambda request: answer(b"[]"))
    engine.call("GET", "/info")
    began = time.monotonic()
    fake.mute = True
    with pytest.raises(NodeUnreachable, match="no answer in time"):
        engine.call("GET", "/info", timeout=0.2)
    assert time.monotonic() - began < 30


def test_a_call_that_hangs_is_not_the_nodes_silence(start: Start) -> None:
    """A container that the Engine can't get hold of, a registry or a disk that is slow."""
    _, engine = start(lambda request: time.sleep(60) or None)
    with pytest.raises(CallTimeout, match="no answer in time to POST /containers/x/stop"):
        engine.call("POST", "/containers/x/stop", timeout=0.2)


def test_calls_that_hang_keep_nobody_from_finding_the_node_there(start: Start) -> None:
    fake, engine = start(lambda request: time.sleep(60) or None)
    engine.ping()
    hung = [threading.Thread(target=_failing, args=(engine,), daemon=True) for _ in range(6)]
    for thread in hung:
        thread.start()
    end = time.monotonic() + 60
    while sum("/info" in r for r in fake.requests) < 6 and time.monotonic() < end:
        time.sleep(0.01)
    assert engine.ping(5.0)
    with pytest.raises(CallTimeout):
        engine.call("GET", "/images/json", timeout=0.2)


def _failing(engine: Engine) -> None:
    with contextlib.suppress(NodeError):
        engine.call("GET", "/info", timeout=60.0)


def _talking(frames: Iterator[bytes]) -> Callable[[str], bytes | None]:
    """What an Engine says of a command that writes a little, now and then, for ever."""

    def say(request: str) -> bytes | None:
        if request.endswith("/start"):
            return next(frames)
        return answer(b'{"Id": "e1"}') if request.startswith("POST") else answer(b'{"Running": true}')

    return say


@pytest.mark.parametrize("end", [b"", b"\x01\x00\x00\x00\x00\x00\x00\x02ab"])
def test_a_command_that_does_not_end_is_its_containers_failure(start: Start, end: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    frames = iter([head + (b"%x\r\n%b\r\n" % (len(end), end) if end else b"")])
    _, engine = start(_talking(frames))
    began = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"didn't end within 0\.3 s"):
        engine.exec("x", ["sleep", "1000"], 0.3)
    assert time.monotonic() - began < 30


def test_no_more_than_six_calls_at_a_time(start: Start) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def say(request: str) -> bytes:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return answer(b"[]")

    fake, engine = start(say)
    engine.ping()
    threads = [threading.Thread(target=engine.call, args=("GET", "/info")) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most <= 6
    assert fake.connections <= 6


def test_progress_comes_line_by_line_however_it_is_cut(start: Start) -> None:
    lines = b'{"a":1}\r\n{"b":\n'[:-1] + b'2}\n\n{"c":3}'
    chunks = b"".join(
        b"%x\r\n%b\r\n" % (len(lines[i : i + 5]), lines[i : i + 5]) for i in range(0, len(lines), 5)
    )
    _, engine = start(
        lambda request: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    )
    assert list(engine.lines(Any, "POST", "/images/create")) == [{"a": 1}, {"b": 2}, {"c": 3}]


def test_exec_separates_frames_and_waits_for_the_exit_code(start: Start) -> None:
    frames = b"".join(
        bytes([kind, 0, 0, 0]) + len(t).to_bytes(4, "big") + t for kind, t in ((1, b"out"), (2, b"err"))
    )
    states = [b'{"Running": true, "ExitCode": null}', b'{"Running": false, "ExitCode": 3}']

    def say(request: str) -> bytes:
        if request.endswith("/start"):
            return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + frames
        return answer(states.pop(0)) if request.startswith("GET") else answer(b'{"Id": "e1"}')

    _, engine = start(say)
    assert engine.exec("x", ["true"]) == (3, b"outerr")
    assert states == []


def test_upload_sends_an_iterator_in_chunks(start: Start) -> None:
    fake, engine = start(lambda request: answer(b""))
    engine.upload("x", "/etc/app", iter([b"a" * 70_000, b"b"]))
    assert fake.requests[-1] == "PUT /v1.44/containers/x/archive?path=%2Fetc%2Fapp"


@pytest.mark.parametrize(("offered", "spoken"), [("1.41", "1.41"), ("1.44", "1.44"), ("1.99", "1.51")])
def test_the_version_is_what_both_speak(start: Start, offered: str, spoken: str) -> None:
    fake, engine = start(lambda request: answer(b"[]"))
    fake.ping = answer(b"OK", extra=f"Api-Version: {offered}\r\n")
    assert engine.api_version == spoken


@pytest.mark.parametrize(("extra", "error"), [("Api-Version: 1.40\r\n", EngineError), ("", NodeUnreachable)])
def test_what_is_too_old_or_no_engine_is_refused(start: Start, extra: str, error: type[Exception]) -> None:
    fake, engine = start(lambda request: answer(b"[]"))
    fake.ping = answer(b"OK", extra=extra)
    with pytest.raises(error, match=r"too old|no Docker Engine"):
        engine.call("GET", "/info")


def test_a_socket_that_is_not_there_says_what_to_start(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreachable, match="systemctl start docker"):
        connect(spec(tmp_path / "absent")).ping()


def test_a_socket_without_permission_names_the_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socket.socket.connect", forbidden)
    with pytest.raises(LoginRefused, match="docker group"):
        connect(spec(tmp_path / "s")).ping()


def test_closing_ends_what_others_wait_for(start: Start) -> None:
    asked = threading.Event()

    def say(request: str) -> None:
        asked.set()
        time.sleep(120)

    _, engine = start(say)
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(NodeUnreachable):
            engine.call("GET", "/info")
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    assert asked.wait(60)
    engine.close()
    assert ended.wait(60), "long before the answer comes"
