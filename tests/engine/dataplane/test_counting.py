"""What pods did, as a real HAProxy counts it, the node's script passes it on and the reconciler reads it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.engine import node_image
from reconciler.engine.dataplane.counting import Tally
from reconciler.model.traffic import Counter, HeaderMatch, HeaderRoute
from tests.engine.rendering.pod import Greeter, Pod, get, until
from tests.engine.rendering.proxy import running
from tests.engine.rendering.samples import endpoint, ingress, route, service, traffic
from tests.fleet.say import tcp
from tests.ports import free_port

SCRIPT = Path(node_image.__file__).with_name("node.sh")
IP = "127.0.98.1"


@pytest.fixture
def pods() -> Iterator[list[Pod]]:
    made = [Pod(f"127.0.99.{number}") for number in (1, 2, 3)]
    yield made
    for pod in made:
        pod.stop()


def said(net: Path) -> bytes:
    """The script's answer to `counters`."""
    run = net.with_name("run-of-script")
    run.mkdir(exist_ok=True)
    environment = os.environ | {"NET": str(net), "RUN": str(run)}
    command = ["busybox", "sh", str(SCRIPT), "session"]
    done = subprocess.run(
        command, input=b"counters\n", env=environment, capture_output=True, timeout=20, check=True
    )
    first, _, rest = done.stdout.partition(b"\n")
    assert first == f"ok {len(rest)}".encode()
    return rest


def counted(net: Path, expected: dict[tuple[str, str], tuple[int, int]]) -> None:
    """Soon: a client has its answer before the proxy counts it."""
    until(lambda: whole(Tally().take(said(net))) == expected)


def whole(counters: tuple[Counter, ...]) -> dict[tuple[str, str], tuple[int, int]]:
    return {(one.service, one.pod): (one.requests, one.errors) for one in counters}


@pytest.mark.programs("haproxy", "socat")
def test_a_pod_is_counted_for_the_service_whose_backend_it_answered_in(
    tmp_path: Path, pods: list[Pod]
) -> None:
    port, tcp_port, site = free_port(), free_port(), free_port()
    greeter = Greeter("127.0.99.9")
    canary = HeaderRoute(name="to", service="canary", matches=(HeaderMatch(header="x", value="y"),))
    found = traffic(
        service(
            pods[0].endpoint(slot="a"), ip=IP, port=port, live="a", name="web:split", header_routes=(canary,)
        ),
        service(pods[1].endpoint(), ip="", port=port, name="canary"),
        service(pods[2].endpoint(), ip=IP, port=free_port(), name="idle"),
        service(greeter.endpoint(), ip=IP, port=tcp_port, name="ssh", http=False),
        ingress=ingress(route("", "/", "web:split", port=port), http_port=site),
    )
    with running(tmp_path / "net", found) as proxy:
        assert whole(Tally().take(said(tmp_path / "net"))) == {}
        for door in ((IP, port), ("127.0.0.1", site)):
            assert get(door)[0] == get(door, "/500")[0] - 300 == 200
            assert get(door, x="y")[1]["pod"] == pods[1].ip
        tcp(IP, tcp_port, b"hello")
        expected = {
            ("default/canary", "pod-2"): (2, 0),
            ("default/ssh", "greeter"): (1, 0),
            ("default/web:split", "pod-1"): (4, 2),
        }
        counted(tmp_path / "net", expected)
        proxy.reload()
        assert whole(Tally().take(said(tmp_path / "net"))) == {}, "a reload begins anew"
    greeter.stop()


@pytest.mark.programs("haproxy", "socat")
def test_what_was_not_answered_is_an_error_once(tmp_path: Path, pods: list[Pod]) -> None:
    port = free_port()
    dead = endpoint("dead", "127.0.99.8", port=free_port())
    with running(tmp_path / "net", traffic(service(pods[0].endpoint(), dead, ip=IP, port=port))):
        assert [get((IP, port), "/close")[0] for _ in range(2)] == [502, 502]
        assert [get((IP, port), "/")[0] for _ in range(4)] == [200] * 4
        # Who was found out cost no client anything.
        until(lambda: whole(Tally().take(said(tmp_path / "net"))).get(("default/web", "pod-1")) == (6, 2))
        found = whole(Tally().take(said(tmp_path / "net")))
    assert found.get(("default/web", "dead"), (0, 0)) == (0, 0)


@pytest.mark.programs("haproxy", "socat")
def test_times_are_those_until_the_answer_begins(tmp_path: Path, pods: list[Pod]) -> None:
    port, tally = free_port(), Tally()

    def after(requests: int) -> Counter:
        """As soon as so many are counted. The tally is asked once: what it says goes by what it said."""
        until(
            lambda: whole(Tally().take(said(tmp_path / "net"))) == {("default/web", "pod-1"): (requests, 0)}
        )
        (found,) = tally.take(said(tmp_path / "net"))
        return found

    with running(tmp_path / "net", traffic(service(pods[0].endpoint(), ip=IP, port=port))):
        began = time.monotonic()
        for _ in range(3):
            get((IP, port), "/slow")
        first = after(3)
        # Of 1.2; while the machine stands still, so does HAProxy's clock.
        assert 0.4 <= first.seconds <= time.monotonic() - began, "as long as the pod and the client say"
        for _ in range(3):
            get((IP, port))
        later = after(6)
    spent = time.monotonic() - began
    assert first.seconds <= later.seconds <= 2 * spent, "the quick ones count with the average"


def row(requests: int, mean_ms: int, backend: str = "default_web_80.http") -> str:
    return f"{backend},web-1_10.42.1.5_8080,http,{requests},0,0,0,{requests},0,0,{mean_ms}\n"


def seconds(tally: Tally, *rows: str) -> list[float]:
    return [one.seconds for one in tally.take("".join(rows).encode())]


def test_what_is_new_counts_with_the_average_of_now() -> None:
    tally = Tally()
    assert seconds(tally, row(100, 10)) == pytest.approx([1.0])
    assert seconds(tally, row(110, 50)) == pytest.approx([1.5])
    assert seconds(tally, row(110, 50)) == pytest.approx([1.5])
    assert seconds(tally, row(10, 20)) == pytest.approx([0.2]), "it began anew"
    assert seconds(tally) == []
    assert seconds(tally, row(20, 20)) == pytest.approx([0.4])


def test_a_pods_servers_of_one_service_are_one() -> None:
    both = (row(10, 100, "default_web_80.http.a"), row(5, 200, "default_web_81.local.https"))
    other = row(1, 0, "default_web-2_80.tcp").replace(",http,", ",tcp,")
    assert Tally().take("".join((*both, other)).encode()) == (
        Counter(service="default/web", namespace="default", pod="web-1", requests=15, seconds=2.0),
        Counter(service="default/web-2", namespace="default", pod="web-1", requests=1),
    )
