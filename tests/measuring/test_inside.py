"""What is a place in the fleet, and through which node it is reached."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from reconciler.bounded import Stream
from reconciler.errors import NodeUnreachable
from reconciler.measuring.fetch import Reach, Request, fetch
from reconciler.measuring.inside import addresses, counts, through
from reconciler.model.observed import DataPlane, NodeState
from reconciler.model.traffic import Counter, Name, NodeTraffic, Overlay
from tests.measuring.server import serving

TRAFFIC = NodeTraffic(
    node="a",
    pod_range="10.42.0.0/16",
    pod_cidr="10.42.0.0/24",
    service_range="10.43.0.0/16",
    dns="10.43.0.10",
    overlay=Overlay(address="192.168.1.2"),
    names=(
        Name(name="prometheus.monitoring.svc.cluster.local", addresses=("10.43.0.7",)),
        Name(name="web.default.svc.cluster.local", addresses=("10.43.0.8",)),
        Name(name="outside.default.svc.cluster.local", target="example.org"),
        Name(name="db-0.db.default.svc.cluster.local", addresses=("10.42.0.9", "10.42.1.9")),
    ),
)


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("web", ("10.43.0.8",)),
        ("WEB.default", ("10.43.0.8",)),
        ("web.default.svc", ("10.43.0.8",)),
        ("web.default.svc.cluster.local", ("10.43.0.8",)),
        ("web.default.svc.cluster.local.", ("10.43.0.8",)),
        ("prometheus.monitoring", ("10.43.0.7",)),
        ("db-0.db.default.svc", ("10.42.0.9", "10.42.1.9")),
        ("10.43.200.1", ("10.43.200.1",)),
        ("10.42.3.1", ("10.42.3.1",)),
        ("prometheus", ()),
        ("web.other", ()),
        ("outside", ()),
        ("example.org", ()),
        ("192.168.1.2", ()),
        ("::1", ()),
    ],
)
def test_what_is_in_the_fleet(host: str, found: tuple[str, ...]) -> None:
    assert addresses("default", host, TRAFFIC) == found


class Node:
    """A door that leads to one port of this machine, or nowhere."""

    def __init__(
        self, leads_to: int | Exception, *, reachable: bool = True, data_plane: DataPlane = "running"
    ) -> None:
        self.leads_to, self.dialled = leads_to, []  # type: ignore[var-annotated]
        self._state = NodeState(name="a", reachable=reachable, data_plane=data_plane, traffic=TRAFFIC)

    def state(self) -> NodeState:
        return self._state

    def counters(self) -> Sequence[Counter]:
        if isinstance(self.leads_to, Exception):
            raise self.leads_to
        return [Counter(service="default/web", namespace="default", pod="p", requests=self.leads_to)]

    def dial(self, host: str, port: int, seconds: float) -> Stream:
        self.dialled.append((host, port))
        if isinstance(self.leads_to, Exception):
            raise self.leads_to
        return socket.create_connection(("127.0.0.1", self.leads_to), timeout=seconds)


def test_a_service_is_asked_through_the_first_node_that_gets_there() -> None:
    with serving({"ok": 1}) as server:
        port = int(server.server_address[1])
        lost = Node(NodeUnreachable("the link is down", node="b"))
        nodes = {"a": Node(port, reachable=False), "b": lost, "c": Node(port, data_plane=""), "d": Node(port)}
        reach = Reach(namespace="default", dial=through(nodes))
        assert fetch(Request(url="http://web:9090/x"), reach).body == b'{"ok": 1}'
    assert [n.dialled for n in nodes.values()] == [[], [("10.43.0.8", 9090)], [], [("10.43.0.8", 9090)]]
    assert server.asked[0].headers["host"] == "web:9090"


def test_what_is_outside_is_asked_directly() -> None:
    node = Node(1)
    with serving({}) as server:
        fetch(Request(url=server.url), Reach(namespace="default", dial=through({"a": node})))
    assert node.dialled == []


def test_the_last_nodes_reason_is_told() -> None:
    dial = through({"a": Node(NodeUnreachable("the link is down", node="a"))})
    with pytest.raises(OSError, match="the link is down"):
        dial("default", "web", 80, 1.0)


def test_counters_of_every_node_that_answers() -> None:
    nodes: dict[str, Any] = {
        "a": Node(5),
        "b": Node(NodeUnreachable("gone", node="b")),
        "c": Node(7, reachable=False),
        "d": Node(9, data_plane="stopped"),
    }
    found = counts(nodes)()
    assert {name: [c.requests for c in cs] for name, cs in found.items()} == {"a": [5]}
