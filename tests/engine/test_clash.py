"""What is in the pod network's way on a node: found before anything is changed, removed where it is ours."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any, cast

import pytest

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import network
from reconciler.engine.pods.network import _overlapping
from reconciler.errors import EngineError, NetworkClash
from reconciler.model.action import PrepareNode
from tests.decide.builders import fleet

ROUTES = """default via 192.168.1.1 dev eth0
10.42.0.0/16 dev reconciler0 proto kernel scope link src 10.42.1.1
10.43.7.0/24 via 192.168.1.9 dev eth0
172.17.0.0/16 dev docker0 proto kernel scope link src 172.17.0.1
192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.11
unreachable 10.99.0.0/16
"""


@pytest.mark.parametrize(
    ("wanted", "route"),
    [
        ("10.42.0.0/16", ""),
        ("10.43.0.0/16", "10.43.7.0/24 via 192.168.1.9 dev eth0"),
        ("192.168.0.0/16", "192.168.1.0/24 dev eth0 proto kernel scope link src 192.168.1.11"),
        ("10.50.0.0/16", ""),
    ],
)
def test_a_route_into_a_range_is_a_clash(wanted: str, route: str) -> None:
    assert _overlapping(ROUTES, IPv4Network(wanted)) == route


OURS = {"reconciler.io/fleet": "home", "reconciler.io/pod-cidr": "10.42.7.0/24"}
PREPARE = PrepareNode(node="pi-1", because="of a test", owner=None, pod_cidr="10.42.7.0/24")


class Told:
    """An Engine with these networks. What is created or removed is written down."""

    node = "pi-1"

    def __init__(self, *networks: dict[str, Any], free: int = 10**9, refusal: str = "") -> None:
        self.networks, self.free, self.refusal = networks, free, refusal
        self.done: list[str] = []

    def call(self, method: str, path: str, **more: Any) -> Any:
        if path == "/networks":
            filtered = "params" in more
            return [n for n in self.networks if not filtered or n["Labels"] == OURS]
        if path == "/info":
            return {"DockerRootDir": "/var/lib/docker"}
        if method == "GET":
            return next(n for n in self.networks if path == f"/networks/{n['Id']}")
        if self.refusal:
            raise EngineError(self.refusal, node=self.node)
        self.done.append(f"{method} {path}")
        return {}

    def ask(self, kind: object, method: str, path: str, **more: Any) -> Any:
        return self.call(method, path, **more)

    def run(self, command: str, timeout: float) -> tuple[int, bytes]:
        text = "" if command.startswith("ip ") else f"head\nnone 49152 49152 {self.free // 1024} 100% /"
        return 0, text.encode()


def prepare(engine: Told) -> None:
    network.prepare(cast("Engine", engine), fleet(), PREPARE)


def pods_network(number: str, *containers: str, **labels: str) -> dict[str, Any]:
    return {
        "Id": number,
        "Name": "home_pods",
        "Labels": labels or OURS,
        "Containers": {c: {} for c in containers},
    }


def test_no_network_is_begun_on_a_full_disk() -> None:
    full = Told(free=0)
    with pytest.raises(EngineError, match="no space left"):
        prepare(full)
    assert full.done == []
    prepare(room := Told())
    assert room.done == ["POST /networks/create"]


def test_a_network_that_the_engine_has_half_forgotten_is_said_with_the_remedy() -> None:
    refusal = (
        "cannot create network 6f76 (reconciler0): conflicts with network 88d9 (reconciler0): "
        "networks have same bridge name"
    )
    with pytest.raises(NetworkClash, match="neither lists nor removes it") as caught:
        prepare(Told(refusal=refusal))
    assert "restart the Engine" in caught.value.remedy


def test_of_two_pod_networks_the_unused_one_goes() -> None:
    engine = Told(pods_network("one"), pods_network("two", "a-pod"))
    assert network.read_pod_cidr(cast("Engine", engine), "home") == ""
    prepare(engine)
    assert engine.done == ["DELETE /networks/one"]


def test_a_strangers_network_of_our_name_or_bridge_is_never_touched() -> None:
    options = {"com.docker.network.bridge.name": network.BRIDGE}
    other = {"Id": "x", "Name": "theirs", "Labels": {}, "Options": options}
    for strangers in (pods_network("x", mine="no"), other):
        engine = Told(strangers)
        with pytest.raises(NetworkClash):
            prepare(engine)
        assert engine.done == []
