"""The strict client must be able to fail: each way in which a server can be at fault is found and named."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import PIPE

import pytest

from tests.fleet.load import PROGRAM, Result, load
from tests.fleet.site import until
from tests.listening import silence

pytestmark = pytest.mark.programs

BODY = b"v1 web-a 127.0.0.1\n"
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n" + BODY
LAST = GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nv2 we\r\n5\r\nb-b x\r\n0\r\n\r\n"

PATIENCE_S, IMPATIENCE_S = 10.0, 0.3
"""A request's time-out, where it isn't to be what fails, and where it is."""

Behaviour = Callable[[socket.socket, int], bool]
"""Given a connection whose next request is there, and the request's number on it: whether to go on."""


@contextmanager
def server(behave: Behaviour, asked: list[bytes] | None = None) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        number = 0
        with connection:
            while request := _request(connection):
                if asked is not None:
                    asked.append(request)
                number += 1
                if not behave(connection, number):
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        silence(listener)


def _request(connection: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        try:
            data = connection.recv(4096)
        except OSError:
            return b""
        if not data:
            return b""
        got += data
    return got


def says(answer: bytes, *, more: bool = True) -> Behaviour:
    def behave(connection: socket.socket, number: int) -> bool:
        connection.sendall(answer)
        return more

    return behave


def resets(connection: socket.socket, number: int) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def is_silent(connection: socket.socket, number: int) -> bool:
    time.sleep(3)
    return False


def trickles(connection: socket.socket, number: int) -> bool:
    """Each byte in time, all of them too late."""
    try:
        for byte in GOOD:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    except OSError:
        return False
    return True


def breaks_the_second(connection: socket.socket, number: int) -> bool:
    if number == 1:
        connection.sendall(GOOD)
    return number == 1


def ask(
    behave: Behaviour,
    *,
    keep_alive: bool = True,
    requests: int = 6,
    rate: float = 100,
    timeout: float = PATIENCE_S,
) -> Result:
    """Two connections, until the server has got so many requests."""
    asked: list[bytes] = []
    with (
        server(behave, asked) as url,
        load(url, connections=2, rate=rate, keep_alive=keep_alive, timeout=timeout) as run,
    ):
        until(lambda: len(asked) >= requests, f"{requests} requests", lambda: len(asked), 60)
    return run.result


def test_a_good_server_fails_nothing_and_keeps_its_connections() -> None:
    result = ask(says(GOOD), requests=30)
    assert (result.failed, result.opened, result.closed_idle) == (0, 2, 0), result
    assert 30 <= result.ok <= 2 + 100 * result.seconds
    assert (result.versions, result.pods) == ({"v1"}, {"web-a"})
    assert result.seen["v1 web-a"][0] == result.ok
    assert 0 < result.latency["p50"] <= result.latency["p99"] <= result.latency["max"] < PATIENCE_S


def test_a_new_connection_for_each_request() -> None:
    result = ask(says(LAST, more=False), keep_alive=False)
    assert result.failed == 0
    assert result.opened == result.ok > 2


def test_another_host_can_be_asked_for() -> None:
    asked: list[bytes] = []

    def behave(connection: socket.socket, number: int) -> bool:
        connection.sendall(LAST)
        return False

    with server(behave, asked) as url, load(url, connections=1, rate=20, host="a.example") as run:
        pass
    assert run.result.failed == 0
    assert b"\r\nHost: a.example\r\n" in asked[0]


def test_it_ends_when_it_is_interrupted() -> None:
    """Ctrl-C reaches it, too; a client that stayed would be counted by whoever tests there next."""
    with server(says(GOOD)) as url:
        command = [sys.executable, str(PROGRAM), url, "2", "50", "True", "2", ""]
        # Where tests run in the background of a script, that signal is ignored, and by children with them.
        ignored = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            client = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
        finally:
            signal.signal(signal.SIGINT, ignored)
        assert client.stdout and client.stdout.readline() == "started\n"
        client.send_signal(signal.SIGINT)
        try:
            assert "KeyboardInterrupt" in client.communicate(timeout=30)[1]
        finally:
            client.kill()
            client.wait()


def test_an_announced_end_of_a_connection_is_fine() -> None:
    result = ask(says(LAST, more=False))
    assert (result.failed, result.closed_idle) == (0, 0)
    assert result.opened == result.ok > 2


def test_an_end_between_requests_is_counted_but_has_failed_nothing() -> None:
    """On a busy machine a request may cross the end on its way, which fails it for real: then once more."""
    tries = (ask(says(GOOD, more=False), rate=10) for _ in range(4))
    result = next((found for found in tries if found.failed == 0), None)
    assert result is not None
    assert result.closed_idle >= result.opened - 2 > 0


def test_chunks_are_read() -> None:
    result = ask(says(CHUNKED))
    assert (result.failed, result.opened, result.versions, result.pods) == (0, 2, {"v2"}, {"web-b"})


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (resets, "reset"),
        (lambda connection, number: False, "eof"),
        (says(GOOD[:-3], more=False), "truncated"),
        (says(GOOD[:20], more=False), "truncated"),
        (says(CHUNKED[:-9], more=False), "truncated"),
        (says(GOOD.replace(b"200 OK", b"503 No")), "status 503"),
        (says(b"220 mail ready\r\n\r\n"), "not HTTP"),
        (says(GOOD + b"more"), "bytes after the answer"),
        (says(b"HTTP/1.1 200 OK\r\n\r\nv1 a", more=False), "no length"),
        (is_silent, "timeout"),
        (trickles, "timeout"),
    ],
)
@pytest.mark.parametrize("keep_alive", [True, False])
def test_what_fails_is_named(behave: Behaviour, reason: str, keep_alive: bool) -> None:
    began = time.time()
    timeout = IMPATIENCE_S if reason == "timeout" else PATIENCE_S
    result = ask(behave, keep_alive=keep_alive, timeout=timeout)
    if reason == "bytes after the answer" and not keep_alive:
        assert result.failed == 0  # nobody reads on: it was the last answer
        return
    assert result.ok == 0
    assert set(result.reasons) == {reason}, result
    assert result.failed == result.reasons[reason] == len(result.failures) >= 2
    assert began <= result.failed_from <= result.failed_until <= time.time()


def test_a_connection_that_breaks_under_its_second_request_has_failed_it() -> None:
    result = ask(breaks_the_second)
    assert result.reasons == {"eof": result.failed}
    assert abs(result.ok - result.failed) <= 2
    assert "failed (" in str(result)


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with load(f"http://127.0.0.1:{unused.getsockname()[1]}/", connections=2) as run:
            pass  # each has asked
    result = run.result
    assert set(result.reasons) == {"refused"}
    assert result.opened == 0


def test_one_failure_among_many_is_found_with_its_time() -> None:
    once, began = threading.Lock(), time.time()

    def behave(connection: socket.socket, number: int) -> bool:
        fails = number == 10 and once.acquire(blocking=False)  # whichever connection comes first
        if not fails:
            connection.sendall(GOOD)
        return not fails

    result = ask(behave, requests=60)
    assert result.reasons == {"eof": 1}
    ((sent, known, _),) = result.failures
    assert (result.failed_from, result.failed_until) == (sent, known), "of that one, and not of all the time"
    assert began < sent < known < time.time()
    assert result.ok > 20
