"""What every Node does (engine/node.py), real or simulated. One suite, run on both."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reconciler.engine.node import Node
from reconciler.errors import EngineError, ImageUnavailable, NodeUnreachable
from reconciler.model.action import PrepareNode, RestartContainer, StartContainers, StartPod, StopPod
from reconciler.model.container import Container
from reconciler.model.meta import Key
from reconciler.model.observed import PodRecord, PodState
from reconciler.model.pod import PodSpec
from tests.contracts.fleets import Ground, Real, Simulated, until

OWNER = Key("Deployment", "default", "web")
SLICE = "10.42.1.0/24"


@pytest.fixture(params=["simulated", pytest.param("real", marks=pytest.mark.fleet)])
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "simulated":
        yield Simulated()
        return
    lab = request.getfixturevalue("clean_lab")
    real = Real(lab, f"{lab.registry}/web:v1")
    yield real
    real.close()


@pytest.fixture
def node(ground: Ground) -> Node:
    """Connected, and with a pod network."""
    fresh = ground.node()
    fresh.refresh()
    fresh.prepare(PrepareNode(node=fresh.name, because="it is new", owner=None, pod_cidr=SLICE))
    return fresh


def start(node: Node, image: str, name: str = "web-1", ip: str = "10.42.1.5") -> StartPod:
    record = PodRecord(
        namespace="default",
        name=name,
        owner=OWNER,
        template_hash="0123456789",
        revision="r1",
        node=node.name,
        ip=ip,
        spec=PodSpec(containers=(Container(name="web", image=image, image_pull_policy="IfNotPresent"),)),
    )
    return StartPod(
        node=node.name, because="one is wanted", owner=OWNER, namespace="default", pod=name, record=record
    )


def stop(node: Node, name: str = "web-1") -> StopPod:
    return StopPod(
        node=node.name, because="none is wanted", owner=OWNER, namespace="default", pod=name, grace=5.0
    )


def pod_of(node: Node, name: str = "web-1") -> PodState | None:
    return next((p for p in node.state().pods if p.record.name == name), None)


def running(node: Node, name: str = "web-1") -> bool:
    pod = pod_of(node, name)
    return pod is not None and pod.phase == "Running" and pod.ready


def test_a_refreshed_node_is_reachable_and_tells_its_facts(ground: Ground) -> None:
    state = ground.node().refresh()
    assert state.reachable is True
    assert state.pods == ()
    assert state.facts.architecture
    assert state.facts.cpu_milli > 0
    assert state.facts.memory > 0


def test_prepare_gives_the_node_its_slice_once(node: Node) -> None:
    assert node.state().pod_cidr == SLICE
    node.prepare(PrepareNode(node=node.name, because="again", owner=None, pod_cidr=SLICE))
    assert node.refresh().pod_cidr == SLICE


def test_a_started_pod_is_there_when_the_call_returns_and_gets_ready(node: Node, ground: Ground) -> None:
    action = start(node, ground.images["web"])
    node.start_pod(action, {})
    pod = pod_of(node)
    assert pod is not None
    assert pod.record == action.record
    until(lambda: node.refresh() and running(node), "the pod is ready")
    assert [c.state for c in pod_of(node).containers] == ["running"]  # type: ignore[union-attr]


def test_starting_twice_is_starting_once(node: Node, ground: Ground) -> None:
    node.start_pod(start(node, ground.images["web"]), {})
    until(lambda: node.refresh() and running(node), "the pod is ready")
    before = pod_of(node)
    node.start_pod(start(node, ground.images["web"]), {})
    node.refresh()
    assert pod_of(node) == before


def test_a_converged_node_keeps_the_very_same_state(node: Node, ground: Ground) -> None:
    node.start_pod(start(node, ground.images["web"]), {})
    until(lambda: node.refresh() and running(node), "the pod is ready")
    first = node.refresh()
    assert node.refresh() is first
    assert node.state() is first


def test_a_stopped_pod_is_gone_when_the_call_returns_and_stopping_again_is_fine(
    node: Node, ground: Ground
) -> None:
    node.start_pod(start(node, ground.images["web"]), {})
    node.stop_pod(stop(node))
    assert pod_of(node) is None
    node.stop_pod(stop(node))
    assert node.refresh().pods == ()


def test_pods_are_listed_in_order_and_dont_mix(node: Node, ground: Ground) -> None:
    for name, ip in (("web-2", "10.42.1.7"), ("web-1", "10.42.1.6")):
        node.start_pod(start(node, ground.images["web"], name, ip), {})
    assert [p.record.name for p in node.refresh().pods] == ["web-1", "web-2"]
    node.stop_pod(stop(node, "web-1"))
    assert [p.record.name for p in node.refresh().pods] == ["web-2"]


def test_an_image_that_is_nowhere_is_told_from_other_failures(node: Node, ground: Ground) -> None:
    with pytest.raises(ImageUnavailable):
        node.start_pod(start(node, ground.images["absent"]), {})
    assert node.state().reachable is True


def test_a_killed_container_is_seen_and_can_be_started_again(node: Node, ground: Ground) -> None:
    action = start(node, ground.images["web"])
    node.start_pod(action, {})
    until(lambda: node.refresh() and running(node), "the pod is ready")
    ground.kill(action.key, "web")
    until(lambda: node.refresh() and not running(node), "its death is seen")
    assert pod_of(node).containers[0].state == "exited"  # type: ignore[union-attr]
    node.start_containers(
        StartContainers(
            node=node.name,
            because="it was killed",
            owner=OWNER,
            namespace="default",
            pod="web-1",
            containers=("web",),
        )
    )
    until(lambda: node.refresh() and running(node), "it runs again")


def test_a_restarted_container_is_the_same_one_started_later(node: Node, ground: Ground) -> None:
    node.start_pod(start(node, ground.images["web"]), {})
    until(lambda: node.refresh() and running(node), "the pod is ready")
    before = pod_of(node)
    assert before is not None
    node.restart_container(
        RestartContainer(
            node=node.name,
            because="it is sick",
            owner=OWNER,
            namespace="default",
            pod="web-1",
            container="web",
            grace=5.0,
        )
    )
    until(lambda: node.refresh() and running(node), "it runs again")
    after = pod_of(node)
    assert after is not None
    assert after.containers[0].id == before.containers[0].id
    assert (after.containers[0].started_at or 0) > (before.containers[0].started_at or 0)


def test_what_does_not_exist_cant_be_started(node: Node) -> None:
    with pytest.raises(EngineError):
        node.start_containers(
            StartContainers(
                node=node.name,
                because="?",
                owner=OWNER,
                namespace="default",
                pod="nobody",
                containers=("web",),
            )
        )


def test_a_new_reconciler_sees_the_same_pods(node: Node, ground: Ground) -> None:
    action = start(node, ground.images["web"])
    node.start_pod(action, {})
    found = ground.node().refresh().pods
    assert [p.record for p in found] == [action.record]


def test_a_watched_node_tells_of_changes_by_itself(node: Node, ground: Ground) -> None:
    told: list[float] = []
    node.start(lambda: told.append(time.monotonic()))
    action = start(node, ground.images["web"])
    node.start_pod(action, {})
    until(lambda: running(node), "the pod is seen ready without asking")
    told.clear()
    began = time.monotonic()
    ground.kill(action.key, "web")
    until(lambda: told and not running(node), "its death is told")
    assert told[0] - began < 30, "the next listing by itself is a minute away"
    node.close()


def test_a_lost_node_keeps_its_pods_refuses_effects_and_comes_back(node: Node, ground: Ground) -> None:
    node.start(lambda: None)
    action = start(node, ground.images["web"])
    node.start_pod(action, {})
    ground.cut()
    until(lambda: node.state().reachable is False, "the node is seen lost", 90)
    state = node.state()
    assert state.lost_since is not None
    assert state.lost_since <= time.time()
    assert state.reason == "NodeUnreachable"
    assert [p.record for p in state.pods] == [action.record]
    with pytest.raises(NodeUnreachable):
        node.stop_pod(stop(node))
    ground.heal()
    until(lambda: node.state().reachable is True, "the node is back", 90)
    assert node.state().lost_since is None
    node.stop_pod(stop(node))
    assert node.refresh().pods == ()
    node.close()
