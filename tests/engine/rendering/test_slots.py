"""Blue-green through a real HAProxy: one moment divides the old answers from the new ones."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from reconciler.model.traffic import NodeTraffic, RoutedService, Slot
from tests.engine.rendering.pod import Greeter, Pod, get, until
from tests.engine.rendering.proxy import Proxy, running
from tests.engine.rendering.samples import ingress, route, service, traffic
from tests.ports import free_port

pytestmark = pytest.mark.programs("haproxy")

IP = "127.0.94.1"


@pytest.fixture
def pods() -> Iterator[list[Pod]]:
    made = [Pod(f"127.0.95.{number}") for number in range(1, 5)]
    yield made
    for pod in made:
        pod.stop()


def web(port: int, live: Slot, blue: list[Pod], green: list[Pod], **fields: Any) -> RoutedService:
    endpoints = [pod.endpoint(slot="a") for pod in blue] + [pod.endpoint(slot="b") for pod in green]
    return service(*endpoints, ip=IP, port=port, live=live, **fields)


class Answer(NamedTuple):
    began: float
    ended: float
    pod: str


class Client(threading.Thread):
    """Asks as fast as it can and writes down when it asked and who answered."""

    def __init__(self, address: tuple[str, int], *, keep: bool) -> None:
        super().__init__(daemon=True)
        self.address, self.keep = address, keep
        self.done = threading.Event()
        self.answers: list[Answer] = []
        self.failures: list[str] = []

    def run(self) -> None:
        line = http.client.HTTPConnection(*self.address, timeout=30)
        while not self.done.is_set():
            began = time.monotonic()
            try:
                line.request("GET", "/")
                response = line.getresponse()
                said = response.read()
                if response.status == 200:
                    self.answers.append(Answer(began, time.monotonic(), json.loads(said)["pod"]))
                else:
                    self.failures.append(f"{response.status} {said!r}")
            except Exception as error:
                self.failures.append(repr(error))
                line.close()
            if not self.keep:
                line.close()
        line.close()


def moved(answers: list[Answer], old: set[str], new: set[str], since: float, end: float) -> None:
    """Between the two moments the answers move from old to new, and none that was asked for later than the
    first new one came is old.
    """
    within = [one for one in answers if since <= one.began < end]
    first = min(one.ended for one in within if one.pod in new)
    late = [one for one in within if one.began > first and one.pod in old]
    assert not late, f"{len(late)} of {len(within)} answers are old after the first new one"


def _loaded(clients: list[Client], new: set[str], since: float) -> bool:
    """Each has had some answers of these pods."""
    return all(sum(a.began >= since and a.pod in new for a in one.answers) > 4 for one in clients)


def all_of_these_answer(port: int, ips: set[str]) -> None:
    """And nobody else. It is dealt out in turn, so another client may take every other turn for a while."""
    found: set[str] = set()

    def asked() -> bool:
        found.add(get((IP, port))[1]["pod"])
        return found >= ips

    until(asked)
    assert found == ips


def test_a_switch_is_one_moment_for_all_ways_in(tmp_path: Path, pods: list[Pod]) -> None:
    port, node_port, site = free_port(), free_port(), free_port()
    blue, green = pods[:2], pods[2:]

    def published(live: Slot) -> NodeTraffic:
        return traffic(
            web(port, live, blue, green, node_port=node_port),
            ingress=ingress(route("", "/", port=port), http_port=site),
        )

    with running(tmp_path, published("a")) as proxy:
        doors = [(IP, port), ("127.0.0.1", node_port), ("127.0.0.1", site)]
        clients = [Client(door, keep=keep) for door in doors for keep in (True, False)]
        for client in clients:
            client.start()
        marks = [time.monotonic()]
        slots: tuple[Slot, ...] = ("b", "a", "b", "a", "b")
        ips = {"a": {pod.ip for pod in blue}, "b": {pod.ip for pod in green}}
        for live in slots:
            time.sleep(0.3)
            assert proxy.publish(published(live)) is False
            until(lambda new=ips[live], since=marks[-1]: _loaded(clients, new, since))
            time.sleep(0.3)
            marks.append(time.monotonic())
        for client in clients:
            client.done.set()
            client.join()
    assert [client.failures for client in clients] == [[]] * len(clients)
    answers = [one for client in clients for one in client.answers]
    for live, since, end in zip(slots, marks, marks[1:], strict=False):
        old = "a" if live == "b" else "b"
        # What was under way when the last step was looked at is that step's.
        moved(answers, ips[old], ips[live], since, end)


def test_what_is_under_way_ends_where_it_began(tmp_path: Path, pods: list[Pod]) -> None:
    port, tcp_port = free_port(), free_port()
    greeters = [Greeter("127.0.95.8"), Greeter("127.0.95.9")]

    def published(live: Slot) -> NodeTraffic:
        ends = [one.endpoint(slot=slot) for one, slot in zip(greeters, "ab", strict=True)]
        ssh = service(*ends, ip=IP, port=tcp_port, name="ssh", http=False, live=live)
        return traffic(web(port, live, pods[:1], pods[1:2]), ssh)

    with running(tmp_path, published("a")) as proxy, socket.create_connection((IP, tcp_port), 30) as line:
        assert line.recv(100) == b"hello\n"
        kept = http.client.HTTPConnection(IP, port, timeout=30)
        kept.request("GET", "/slow")
        until(lambda: pods[0].heard("/slow"))
        proxy.publish(published("b"))
        assert json.loads(kept.getresponse().read())["pod"] == pods[0].ip
        kept.request("GET", "/")
        assert json.loads(kept.getresponse().read())["pod"] == pods[1].ip, "the next goes to the new slot"
        line.sendall(b"still here?")
        assert line.recv(100) == b"still here?"
        for greeter in greeters:
            greeter.stop()


def test_endpoints_of_both_slots_come_and_go_without_a_reload(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    blue, green = pods[:2], pods[2:]
    left = [pod.endpoint(slot="b", state="draining") for pod in green]
    leaving = service(blue[0].endpoint(slot="a"), *left, ip=IP, port=port, live="a")
    with running(tmp_path, traffic(web(port, "a", blue, []))) as proxy:
        steps: list[tuple[RoutedService, list[Pod]]] = [
            (web(port, "a", blue, green), blue),
            (web(port, "b", blue, green), green),
            (web(port, "b", [], green), green),
            # Three things at once: it comes, is switched to, and the others take nothing new.
            (leaving, blue[:1]),
            (web(port, "a", blue[:1], []), blue[:1]),
        ]
        client = Client((IP, port), keep=True)
        client.start()
        for published, behind in steps:
            assert proxy.publish(traffic(published)) is False
            ips = {pod.ip for pod in behind}
            all_of_these_answer(port, ips)
            until(lambda now=ips: client.answers and client.answers[-1].pod in now)  # nothing left to be cut
        client.done.set()
        client.join()
        assert client.failures == []
        assert proxy.publish(traffic(web(port, "b", blue[:1], []))) is False
        assert get((IP, port))[0] == 503, "nobody is in the live slot, and the other one is no spare"


def test_a_reload_and_a_restart_come_up_with_the_slot_that_is_live(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    now = web(port, "b", pods[:1], pods[1:2])
    with running(tmp_path, traffic(replace(now, live="a"))) as proxy:
        proxy.publish(traffic(now))
        other = service(name="other", ip="127.0.94.9", port=free_port())
        assert proxy.publish(traffic(now, other)) is True
        assert get((IP, port))[1]["pod"] == pods[1].ip
        assert proxy.publish(traffic(replace(now, live="a"), other)) is False
        assert get((IP, port))[1]["pod"] == pods[0].ip
        proxy.stop()
        proxy.reload()
        assert get((IP, port))[1]["pod"] == pods[0].ip


def test_who_was_silent_since_before_a_reload_is_answered_as_of_now(tmp_path: Path, pods: list[Pod]) -> None:
    port, node_port, site = free_port(), free_port(), free_port()
    doors = [(IP, port), ("127.0.0.1", node_port), ("127.0.0.1", site)]

    def published(live: Slot, *others: RoutedService) -> NodeTraffic:
        both = {"a": pods[:1] if live == "a" else [], "b": pods[1:2]}
        return traffic(
            web(port, live, both["a"], both["b"], node_port=node_port),
            *others,
            ingress=ingress(route("", "/", port=port), http_port=site),
        )

    def ask(line: http.client.HTTPConnection) -> tuple[str, str | None, str | None]:
        line.request("GET", "/")
        response = line.getresponse()
        said = json.loads(response.read())
        return said["pod"], response.getheader("connection"), said["headers"].get("x-forwarded-for")

    other = service(name="other", ip="127.0.94.9", port=free_port())
    with running(tmp_path, published("a")) as proxy:
        silent = []
        for door in doors:
            line = http.client.HTTPConnection(*door, timeout=30, source_address=("127.0.94.77", 0))
            assert ask(line) == (pods[0].ip, None, "127.0.94.77")
            silent.append(line)
        assert proxy.publish(published("a", other)) is True
        assert proxy.publish(published("b", other)) is False
        pods[0].stop()
        assert [ask(line) for line in silent] == [(pods[1].ip, "close", "127.0.94.77")] * 3
        _settled(proxy)


def test_a_service_gets_slots_and_loses_them_under_load(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    plain = service(*(pod.endpoint() for pod in pods[:2]), ip=IP, port=port)
    with running(tmp_path, traffic(plain)) as proxy:
        clients = [Client((IP, port), keep=keep) for keep in (True, False)]
        for client in clients:
            client.start()
        for published in (web(port, "a", pods[:2], pods[2:]), web(port, "b", pods[:2], pods[2:]), plain):
            time.sleep(0.1)
            proxy.publish(traffic(published))
            _settled(proxy)
        for client in clients:
            client.done.set()
            client.join()
        assert [client.failures for client in clients] == [[], []]
        assert {get((IP, port))[1]["pod"] for _ in range(4)} == {pod.ip for pod in pods[:2]}


def test_a_client_that_stays_with_its_pod_moves_with_the_slot(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    with running(tmp_path, traffic(web(port, "a", pods[:2], pods[2:], affinity_seconds=60))) as proxy:
        assert len({get((IP, port))[1]["pod"] for _ in range(6)}) == 1
        proxy.publish(traffic(web(port, "b", pods[:2], pods[2:], affinity_seconds=60)))
        (now,) = {get((IP, port))[1]["pod"] for _ in range(6)}
        assert now in {pod.ip for pod in pods[2:]}


def _settled(proxy: Proxy) -> None:
    """Those that a reload left behind have ended."""
    until(lambda: sum(process.poll() is None for process in proxy.processes) <= 1)
