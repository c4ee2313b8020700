"""Services through a real HAProxy: routing, sniffing, drain, removal, reload, affinity."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from reconciler.model.traffic import RoutedService
from tests.engine.rendering.pod import WEBSOCKET, Greeter, Pod, get, until
from tests.engine.rendering.proxy import Proxy, running
from tests.engine.rendering.samples import service, traffic
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy")

IP = "127.0.91.1"
INSPECTED_S = 3.0
"""How long a proxy would wait for the first words of a client."""


@pytest.fixture
def pods() -> Iterator[list[Pod]]:
    made = [Pod(f"127.0.92.{number}") for number in (1, 2, 3)]
    yield made
    for pod in made:
        pod.stop()


@pytest.fixture
def greeter() -> Iterator[Greeter]:
    made = Greeter("127.0.92.9")
    yield made
    made.stop()


class Client(threading.Thread):
    """Asks as fast as it can, over one connection or a new one each time, and counts what fails."""

    def __init__(self, port: int, *, keep: bool) -> None:
        super().__init__(daemon=True)
        self.port, self.keep = port, keep
        self.done = threading.Event()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    def run(self) -> None:
        line = http.client.HTTPConnection(IP, self.port, timeout=30)
        while not self.done.is_set():
            try:
                line.request("GET", "/")
                response = line.getresponse()
                body = response.read()
                if response.status == 200:
                    self.answers[json.loads(body)["pod"]] += 1
                else:
                    self.failures.append(f"{response.status} {body!r}")
            except Exception as error:
                self.failures.append(repr(error))
                line.close()
            if not self.keep:
                line.close()
            time.sleep(0.001)
        line.close()


def web(port: int, *pods: Pod, draining: tuple[Pod, ...] = (), **fields: Any) -> RoutedService:
    endpoints = [
        *(pod.endpoint() for pod in pods),
        *(pod.endpoint(state="draining") for pod in draining),
    ]
    return service(*endpoints, ip=IP, port=port, **fields)


def seen(proxy_port: int, count: int = 12) -> Counter[str]:
    return Counter(get((IP, proxy_port))[1]["pod"] for _ in range(count))


def test_each_service_port_finds_its_own_pods(tmp_path: Path, pods: list[Pod], greeter: Greeter) -> None:
    http_port, tcp_port, node_port = free_port(), free_port(), free_port()
    services = (
        web(http_port, pods[0], pods[1], node_port=node_port),
        service(greeter.endpoint(), ip=IP, port=tcp_port, name="ssh", http=False, addresses=("127.0.91.5",)),
    )
    with running(tmp_path, traffic(*services)):
        assert seen(http_port) == {pods[0].ip: 6, pods[1].ip: 6}
        status, said, _ = get(("127.0.0.1", node_port))
        assert (status, said["headers"]["x-forwarded-for"]) == (200, "127.0.0.1")
        for address in (IP, "127.0.91.5"):
            begun = time.monotonic()
            with socket.create_connection((address, tcp_port), timeout=30) as line:
                assert line.recv(100) == b"hello\n", "the server speaks first"
                assert time.monotonic() - begun < INSPECTED_S, "and nobody waits for the client to do so"


def test_what_is_not_http_passes_an_http_port_as_it_is(tmp_path: Path, greeter: Greeter) -> None:
    port = free_port()
    with running(tmp_path, traffic(service(greeter.endpoint(), ip=IP, port=port))):
        for words in (b"\x16\x03\x01 not http\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
            with socket.create_connection((IP, port), timeout=30) as line:
                line.sendall(words)
                heard = b""
                while len(heard) < len(b"hello\n") + len(words):
                    heard += line.recv(100)
                assert heard == b"hello\n" + words


def test_a_websocket_passes(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, pods[0]))), socket.create_connection((IP, port), 30) as line:
        line.sendall(WEBSOCKET)
        assert b" 101 " in line.recv(1000)
        line.sendall(b"anything")
        assert line.recv(100) == b"anything"


def test_an_address_takes_only_clients_of_its_ranges(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    ranges = tuple(f"10.{number}.0.0/16" for number in range(100))
    narrow = web(port, pods[0], addresses=("127.0.91.6",), source_ranges=ranges)
    with running(tmp_path, traffic(narrow)):
        assert get((IP, port))[0] == 200
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            get(("127.0.91.6", port))
    wide = web(port, pods[0], addresses=("127.0.91.6",), source_ranges=(*ranges, "127.0.0.0/8"))
    with running(tmp_path, traffic(wide)):
        assert get(("127.0.91.6", port))[0] == 200


def test_endpoints_come_drain_and_go_and_no_request_is_lost(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    first, second, third = pods
    with running(tmp_path, traffic(web(port, first))) as proxy, ExitStack() as ending:
        clients = [Client(port, keep=keep) for keep in (True, True, False, False)]
        for client in clients:
            client.start()
            ending.callback(client.done.set)
        for published in (
            web(port, first, second),
            web(port, second, draining=(first,)),
            web(port, second),
            web(port, second, third, first),
            web(port, first, draining=(second, third)),
            web(port, first, third),
        ):
            before = [client.answers.copy() for client in clients]
            assert proxy.publish(traffic(published)) is False
            ready = [e.ip for e in published.ports[0].endpoints if e.state == "ready"]
            until(lambda then=before, ips=ready: _served(clients, then, ips))
        for client in clients:
            client.done.set()
            client.join()
        assert [client.failures for client in clients] == [[], [], [], []]
        assert all(set(client.answers) == {first.ip, second.ip, third.ip} for client in clients)
        assert set(seen(port)) == {first.ip, third.ip}
        assert {state[:2] for state in proxy.servers(f"default_web_{port}.http").values()} == {"UP"}


def _served(clients: list[Client], before: list[Counter[str]], ips: list[str]) -> bool:
    """Each has had an answer of each of these since then."""
    return all(one.answers[ip] > then[ip] for one, then in zip(clients, before, strict=True) for ip in ips)


def test_a_draining_pod_finishes_what_it_has(tmp_path: Path, pods: list[Pod], greeter: Greeter) -> None:
    port, tcp_port = free_port(), free_port()

    def published(state: str) -> tuple[RoutedService, RoutedService]:
        ssh = service(greeter.endpoint(state=state), ip=IP, port=tcp_port, name="ssh", http=False)
        return service(pods[0].endpoint(state=state), pods[1].endpoint(), ip=IP, port=port), ssh

    with running(tmp_path, traffic(*published("ready"))) as proxy:
        answers: list[str] = []
        slow = [
            threading.Thread(target=lambda: answers.append(get((IP, port), "/slow")[1]["pod"]))
            for _ in range(2)
        ]
        for thread in slow:
            thread.start()
        with socket.create_connection((IP, tcp_port), timeout=30) as line:
            assert line.recv(100) == b"hello\n"
            until(lambda: pods[0].heard("/slow") and pods[1].heard("/slow"))
            proxy.publish(traffic(*published("draining")))
            line.sendall(b"still here?")
            assert line.recv(100) == b"still here?"
            assert set(seen(port)) == {pods[1].ip}
            for thread in slow:
                thread.join()
            assert sorted(answers) == [pods[0].ip, pods[1].ip]
            # Gone is gone: what is still open is cut.
            left = service(ip=IP, port=tcp_port, name="ssh", http=False)
            proxy.publish(traffic(published("draining")[0], left))
            assert line.recv(100) == b""


def test_reloads_lose_nothing_either(tmp_path: Path, pods: list[Pod], greeter: Greeter) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, *pods))) as proxy, ExitStack() as ending:
        quiet = http.client.HTTPConnection(IP, port, timeout=30)
        quiet.request("GET", "/")
        quiet.getresponse().read()
        clients = [Client(port, keep=keep) for keep in (True, True, False, False)]
        for client in clients:
            client.start()
            ending.callback(client.done.set)
        for number in range(5):
            other = service(greeter.endpoint(), name=f"other-{number}", ip="127.0.91.9", port=free_port())
            assert proxy.publish(traffic(web(port, *pods), other)) is True
            time.sleep(0.05)
        quiet.request("GET", "/")
        response = quiet.getresponse()
        assert response.read() and response.getheader("connection") == "close", "it goes with its next answer"
        for client in clients:
            client.done.set()
            client.join()
        assert [client.failures for client in clients] == [[], [], [], []]
        until(lambda: _alive(proxy) == 1)  # old processes end as soon as nobody needs them


def _alive(proxy: Proxy) -> int:
    return sum(process.poll() is None for process in proxy.processes)


def test_a_reload_keeps_a_draining_pod_out(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, pods[1], draining=(pods[0],)))) as proxy:
        assert set(seen(port)) == {pods[1].ip}
        assert proxy.publish(traffic(web(port, *pods))) is False
        assert set(seen(port)) == {pod.ip for pod in pods}


def test_a_client_stays_with_its_pod_until_that_drains(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, *pods, affinity_seconds=60))) as proxy:
        (mine,) = seen(port)
        others = [pod for pod in pods if pod.ip != mine]
        drained = [pod for pod in pods if pod.ip == mine]
        proxy.publish(traffic(web(port, *others, draining=tuple(drained), affinity_seconds=60)))
        (now,) = seen(port)
        assert now != mine
        proxy.publish(traffic(web(port, *others, affinity_seconds=60)))
        assert proxy.publish(traffic(web(port, *pods, affinity_seconds=60))) is False
        assert set(seen(port)) == {now}, "one that comes back doesn't get its clients back"


def test_a_client_stays_with_its_pod_over_a_reload(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, pods[2], affinity_seconds=60))) as proxy:
        # Added at run time, in another order than that of the file: the reload knows them by it alone.
        assert proxy.publish(traffic(web(port, affinity_seconds=60))) is False
        assert proxy.publish(traffic(web(port, *pods, affinity_seconds=60))) is False
        (mine,) = seen(port)
        other = service(name="other", ip="127.0.91.9", port=free_port())
        assert proxy.publish(traffic(web(port, *pods, affinity_seconds=60), other)) is True
        assert set(seen(port)) == {mine}


def test_weights_are_shares_and_change_at_run_time(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()

    def weighted(light: int) -> RoutedService:
        return service(pods[0].endpoint(weight=light), pods[1].endpoint(weight=90), ip=IP, port=port)

    with running(tmp_path, traffic(weighted(10))) as proxy:
        assert seen(port, 20) == {pods[0].ip: 2, pods[1].ip: 18}
        assert proxy.publish(traffic(weighted(30))) is False
        assert seen(port, 20) == {pods[0].ip: 5, pods[1].ip: 15}


def test_a_pod_that_came_at_run_time_has_its_connections_used_again(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, pods[0]))) as proxy:
        proxy.publish(traffic(web(port, pods[1])))
        line = http.client.HTTPConnection(IP, port, timeout=30)
        for _ in range(10):
            line.request("GET", "/")
            assert json.loads(line.getresponse().read())["pod"] == pods[1].ip
        line.close()
        header, *rows = (one.split(",") for one in proxy.ask("show stat").splitlines())
        stats = [dict(zip(header, row, strict=False)) for row in rows]
        mine = [row for row in stats if row["svname"].startswith("pod-2") and row["mode"] == "http"]
        # One that is asked nothing for a moment is closed: on a busy machine not all are for all requests.
        assert len(mine) == 1 and int(mine[0]["reuse"]) >= 5


def test_a_dead_pod_is_out_without_anybody_saying_so(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, pods[0]))) as proxy:
        proxy.publish(traffic(web(port, *pods)))  # also for those added at run time
        pods[1].stop()
        assert set(seen(port)) == {pods[0].ip, pods[2].ip}
        name = f"default_web_{port}.http"
        until(lambda: sorted(state[:2] for state in proxy.servers(name).values()) == ["DO", "UP", "UP"])
