"""Shares by weight through a real HAProxy with two threads: exact, at run time and from the file."""

from __future__ import annotations

import math
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.traffic import NodeTraffic, RoutedService
from tests.engine.rendering.pod import Pod, get
from tests.engine.rendering.proxy import running
from tests.engine.rendering.samples import endpoint, service, traffic
from tests.listening import silence
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy")

IP = "127.0.88.1"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Fast:
    """A pod that says one letter to every request, and does it fast."""

    def __init__(self, ip: str, letter: str) -> None:
        self.ip, self.letter = ip, letter
        self.listening = socket.create_server((ip, 0), backlog=1024)
        threading.Thread(target=self._serve, daemon=True).start()

    def endpoint(self, weight: int) -> Any:
        return endpoint(self.letter, self.ip, port=self.listening.getsockname()[1], weight=weight)

    def stop(self) -> None:
        silence(self.listening)

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + self.letter.encode()
        with line:
            try:
                while heard := line.recv(4096):
                    for _ in range(heard.count(b"\r\n\r\n")):
                        line.sendall(answer)
            except OSError:
                return


@pytest.fixture
def pods() -> Iterator[list[Fast]]:
    """Two stable ones and a canary."""
    made = [Fast(f"127.0.89.{number}", letter) for number, letter in enumerate("stc", 1)]
    yield made
    for pod in made:
        pod.stop()


def ask(port: int, count: int, keep: bool) -> Counter[str]:
    found: Counter[str] = Counter()
    asked = 0
    while asked < count:
        turns = count - asked if keep else 1
        with socket.create_connection((IP, port), timeout=30) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(turns):
                line.sendall(REQUEST if keep else LAST)
                answer = b""
                while b"\r\n\r\n" not in answer or answer.endswith(b"\r\n\r\n"):
                    more = line.recv(4096)
                    assert more, answer
                    answer += more
                assert answer.startswith(b"HTTP/1.1 200"), answer
                found[chr(answer[-1])] += 1
                asked += 1
    return found


def load(port: int, count: int) -> Counter[str]:
    """Half of them over two connections that are kept, half over new ones, all at once."""
    with ThreadPoolExecutor(4) as threads:
        parts = [threads.submit(ask, port, count // 4, keep) for keep in (True, True, False, False)]
        return sum((part.result() for part in parts), Counter())


def weighted(port: int, pods: list[Fast], canary: int, stable: int) -> NodeTraffic:
    ends = [pods[0].endpoint(stable), pods[1].endpoint(stable), pods[2].endpoint(canary)]
    return traffic(service(*ends, ip=IP, port=port))


def within_three_sigma(found: int, count: int, share: float) -> bool:
    return abs(found - count * share) <= 3 * math.sqrt(count * share * (1 - share))


def test_shares_are_exact_and_change_at_run_time(tmp_path: Path, pods: list[Fast]) -> None:
    port, count = free_port(), 10_000
    steps = ((2, 99, 0.01), (10, 95, 0.05), (40, 80, 0.2), (200, 100, 0.5))
    with running(tmp_path, weighted(port, pods, 0, 100)) as proxy:
        assert load(port, 400)["c"] == 0
        for canary, stable, share in steps:
            assert proxy.publish(weighted(port, pods, canary, stable)) is False
            found = load(port, count)
            print(f"{share:.0%}: {found['c']} of {count}")
            assert within_three_sigma(found["c"], count, share), found
            assert within_three_sigma(found["s"], count, (1 - share) / 2), found
        proxy.reload()
        assert within_three_sigma(load(port, 2_000)["c"], 2_000, 0.5), "and the file says the same"
        assert proxy.publish(weighted(port, pods, 0, 100)) is False
        assert load(port, 400)["c"] == 0
        assert proxy.publish(weighted(port, pods, 100, 0)) is False
        assert load(port, 400) == {"c": 400}


def test_who_has_no_weight_gets_nothing_even_if_there_is_nobody_else(tmp_path: Path) -> None:
    port, pod = free_port(), Pod("127.0.89.7")

    def published(weight: int, **fields: Any) -> NodeTraffic:
        return traffic(service(pod.endpoint(weight=weight), ip=IP, port=port, **fields))

    with running(tmp_path, published(0)) as proxy:
        for weight, status in ((0, 503), (1, 200), (0, 503), (256, 200)):
            assert proxy.publish(published(weight)) is False
            assert get((IP, port))[0] == status
        proxy.publish(published(0))
        proxy.reload()
        assert get((IP, port))[0] == 503
        assert proxy.publish(published(3)) is False
        assert get((IP, port))[0] == 200
    pod.stop()


def test_with_affinity_weights_share_out_the_clients(tmp_path: Path, pods: list[Fast]) -> None:
    port = free_port()

    def published(canary: int, stable: int) -> RoutedService:
        ends = [pods[0].endpoint(stable), pods[1].endpoint(stable), pods[2].endpoint(canary)]
        return service(*ends, ip=IP, port=port, affinity_seconds=60)

    def clients(count: int) -> dict[str, str]:
        found = {}
        for number in range(count):
            source = f"127.1.{number // 250}.{number % 250 + 1}"
            with socket.create_connection((IP, port), 30, source_address=(source, 0)) as line:
                line.sendall(LAST)
                found[source] = chr(b"".join(iter(lambda: line.recv(4096), b""))[-1])
        return found

    with running(tmp_path, traffic(published(40, 80))) as proxy:
        first = clients(1_000)
        share = sum(pod == "c" for pod in first.values()) / len(first)
        print(f"20% of the clients: {share:.1%}")
        assert 0.12 < share < 0.28
        assert clients(1_000) == first, "each stays with its pod"
        assert proxy.publish(traffic(published(0, 100))) is False
        moved = clients(1_000)
        assert set(moved.values()) == {"s", "t"}, "also those that had the canary"
        assert all(moved[one] == pod for one, pod in first.items() if pod != "c")
