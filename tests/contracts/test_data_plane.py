"""What every Node's data plane does (engine/node.py), real or simulated. One suite, run on both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest

from reconciler.engine.node import Node
from reconciler.errors import NodeError
from reconciler.model.action import PrepareNode, Publish
from reconciler.model.traffic import Counter, Endpoint, Name, NodeTraffic, Overlay, RoutedPort, RoutedService
from tests.contracts.fleets import Ground, Real, Simulated, until
from tests.contracts.test_node import start

SLICE = "10.42.1.0/24"
END = Endpoint(name="web-1", ip="10.42.1.5", port=8080, node="pi-1")


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.fleet)])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "simulated":
        yield Simulated()
        return
    lab = request.getfixturevalue("clean_lab")
    real = Real(lab, f"{lab.registry}/web:v1", network=True)
    yield real
    real.close()


@pytest.fixture
def node(ground: Ground) -> Node:
    fresh = ground.node()
    fresh.refresh()
    return fresh


def prepare(node: Node) -> None:
    node.prepare(PrepareNode(node=node.name, because="it is new", owner=None, pod_cidr=SLICE))


def traffic(node: Node, *endpoints: Endpoint) -> NodeTraffic:
    return NodeTraffic(
        node=node.name,
        pod_range="10.42.0.0/16",
        pod_cidr=SLICE,
        service_range="10.43.0.0/16",
        dns="10.43.0.10",
        overlay=Overlay(address=node.state().facts.internal_ip),
        services=(
            RoutedService(
                namespace="default",
                name="web",
                ip="10.43.0.77",
                ports=(RoutedPort(port=80, http=True, endpoints=endpoints),),
            ),
        ),
        names=(Name(name="web.default.svc.cluster.local", addresses=("10.43.0.77",)),),
    )


def publish(node: Node, told: NodeTraffic) -> None:
    node.publish(Publish(node=node.name, because="it changed", owner=None, traffic=told), {})


def test_a_prepared_node_has_a_data_plane_and_an_address(node: Node) -> None:
    assert node.state().data_plane == ""
    prepare(node)
    assert node.refresh().data_plane == "running"
    assert node.state().facts.internal_ip


def test_what_is_published_is_known_when_the_call_returns_and_to_a_successor(
    node: Node, ground: Ground
) -> None:
    prepare(node)
    told = traffic(node, END)
    publish(node, told)
    assert node.state().traffic == told
    assert ground.node().refresh().traffic == told


def test_each_publication_takes_the_place_of_the_one_before(node: Node) -> None:
    prepare(node)
    draining = msgspec.structs.replace(END, state="draining")
    other = msgspec.structs.replace(END, name="web-2", ip="10.42.1.6")
    for ends in ((END,), (END, other), (draining, other), (other,), (), (END,)):
        publish(node, traffic(node, *ends))
        assert node.refresh().traffic == traffic(node, *ends)
        assert node.state().complaints == ()
        assert node.state().data_plane == "running"


def test_preparing_again_keeps_what_was_published(node: Node) -> None:
    prepare(node)
    publish(node, traffic(node, END))
    prepare(node)
    assert node.refresh().traffic == traffic(node, END)


def test_nobody_talks_to_a_pod_that_nobody_asks(node: Node) -> None:
    prepare(node)
    publish(node, traffic(node, END))
    assert node.sessions(END.ip, 5.0) == 0


def test_nobody_is_counted_who_is_asked_nothing(node: Node) -> None:
    assert node.counters() == ()
    prepare(node)
    publish(node, traffic(node, END))
    assert node.counters() == ()


def test_answers_are_counted_by_service_and_pod(node: Node, ground: Ground) -> None:
    prepare(node)
    node.start_pod(start(node, ground.images["web"]), {})
    until(lambda: any(pod.ready for pod in node.refresh().pods), "the pod is ready")
    publish(node, traffic(node, END))
    ground.ask(traffic(node, END).services[0], times=3)
    (found,) = counted(node, 3)
    assert (found.service, found.namespace, found.pod) == ("default/web", "default", "web-1")
    assert (found.requests, found.errors) == (3, 0)
    assert 0.0 <= found.seconds < 30.0
    ground.ask(traffic(node, END).services[0], times=2)
    (later,) = counted(node, 5)
    assert later.requests == 5
    assert later.seconds >= found.seconds


def counted(node: Node, requests: int) -> Sequence[Counter]:
    """As soon as so many are: a client has its answer before the proxy counts it."""
    found: list[Sequence[Counter]] = []

    def enough() -> bool:
        found.append(node.counters())
        return sum(counter.requests for counter in found[-1]) >= requests

    until(enough, f"{requests} requests are counted")
    return found[-1]


def test_without_a_data_plane_nothing_can_be_published(node: Node) -> None:
    with pytest.raises(NodeError):
        publish(node, traffic(node, END))
    assert node.state().traffic is None
