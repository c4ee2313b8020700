"""The end of a pod on a real Engine, its hooks, its ports, and the network that it is on."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest

from reconciler import errors
from reconciler.engine.pods import grace, naming, network, owned
from reconciler.engine.pods.pod import roles
from reconciler.model.action import PrepareNode
from tests.engine.pods import FLEET, POD_CIDR, WAIT, OnNode, app, pod

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("nothing_left")]


def test_stopping_gives_each_program_its_grace(node: OnNode, tmp_path: Path) -> None:
    script = "trap 'sleep 0.5; echo bye > /e/bye; exit 0' TERM; touch /up; sleep 100 & wait"
    mount = {"volumeMounts": [{"name": "e", "mountPath": "/e"}]}
    volumes = [{"name": "e", "hostPath": {"path": str(tmp_path)}}]
    beside = app(node, "trap 'exit 0' TERM; touch /up; sleep 100 & wait", name="b")
    one = pod(node, "grace", app(node, script, **mount), beside, volumes=volumes)
    node.start(one)
    # As PID 1 a program is deaf to signals until it has said what they do.
    node.until(lambda: all(node.sh(one, "ls /up", name) == "/up" for name in ("app", "b")))
    began = time.monotonic()
    node.stop(one, grace=10)
    assert 0.5 <= time.monotonic() - began < 9.5
    assert node.lab.exec(node.node, ["cat", f"{tmp_path}/bye"]).stdout == "bye\n"


def test_a_program_that_ignores_sigterm_is_killed_after_the_grace(node: OnNode) -> None:
    one = pod(node, "deaf", app(node, "trap '' TERM; sleep 1000"))
    node.start(one)
    began = time.monotonic()
    node.stop(one, grace=1)
    assert 1 <= time.monotonic() - began < 30


def test_stopping_sends_the_signal_that_was_asked_for(node: OnNode) -> None:
    script = "trap 'exit 0' USR1; trap '' TERM; touch /up; sleep 100 & wait; wait"
    one = pod(node, "signal", app(node, script, lifecycle={"stopSignal": "SIGUSR1"}))
    node.start(one)
    node.until(lambda: node.sh(one, "ls /up") == "/up")
    began = time.monotonic()
    node.stop(one, grace=10)
    assert time.monotonic() - began < 9.5


def test_stopping_twice_at_a_time_is_fine(node: OnNode) -> None:
    one = pod(node, "twice", app(node), app(node, name="b"))
    node.start(one)
    failures: list[BaseException] = []

    def stop() -> None:
        try:
            node.stop(one, grace=1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=stop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


def test_pre_stop_runs_within_the_grace(node: OnNode, tmp_path: Path) -> None:
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo drained > /e/hook"]}}}
    mount = {"volumeMounts": [{"name": "e", "mountPath": "/e"}]}
    volumes = [{"name": "e", "hostPath": {"path": str(tmp_path)}}]
    one = pod(node, "prestop", app(node, lifecycle=hook, **mount), volumes=volumes)
    node.start(one)
    node.stop(one, grace=5)
    assert node.lab.exec(node.node, ["cat", f"{tmp_path}/hook"]).stdout == "drained\n"


def test_a_pre_stop_that_hangs_is_over_with_the_grace(node: OnNode) -> None:
    hook = {"preStop": {"exec": {"command": ["sleep", "1000"]}}}
    one = pod(node, "hanging", app(node, "trap '' TERM; sleep 1000", lifecycle=hook))
    node.start(one)
    began = time.monotonic()
    node.stop(one, grace=2)
    assert 4 <= time.monotonic() - began < 30, "2 s of preStop, 2 s for the signal: each is the least"


def test_a_stop_that_is_done_again_goes_on_with_the_grace_that_is_left(node: OnNode) -> None:
    hook = {"preStop": {"exec": {"command": ["sleep", "1000"]}}}
    one = pod(node, "again", app(node, lifecycle=hook))
    node.start(one)
    found = node.inspect(one)
    assert grace.used(node.engine, FLEET, one, found["Id"], 600) == 0
    time.sleep(2)
    assert grace.used(node.engine, FLEET, one, found["Id"], 600) >= 1
    node.docker("restart", "-t", "0", found["Id"])
    assert grace.used(node.engine, FLEET, one, found["Id"], 600) == 0, "that stop ended another run"
    node.stop(one, grace=0)


def test_post_start_runs_and_its_failure_kills_the_container(node: OnNode) -> None:
    good = pod(node, "hooked", app(node, lifecycle={"postStart": {"exec": {"command": ["touch", "/tmp/h"]}}}))
    with node.running(good):
        assert node.sh(good, "ls /tmp/h") == "/tmp/h"
    bad = pod(node, "unhooked", app(node, lifecycle={"postStart": {"exec": {"command": ["false"]}}}))
    with pytest.raises(errors.HookFailed, match="exit code 1"), node.running(bad):
        pass


def test_a_host_port_is_open_on_the_node_and_taken_only_once(node: OnNode) -> None:
    ports = [{"containerPort": 8080, "hostPort": 18080}]
    serve = app(node, "httpd -f -p 8080 -h /www & " + WAIT, ports=ports)
    one, two = pod(node, "port", serve), pod(node, "port2", serve)
    two = msgspec.structs.replace(two, ip="10.42.7.22")
    ip = node.lab.node(node.node).ip
    with node.running(one):
        node.until(
            lambda: (
                node.lab.exec(
                    node.node, ["busybox", "wget", "-qO-", f"http://{ip}:18080/"], check=False
                ).stdout
                == "v1\n"
            )
        )
        with pytest.raises(errors.PortTaken), node.running(two):
            pass


def test_images_are_pulled_by_policy_and_with_credentials_kept_away(node: OnNode) -> None:
    node.docker("image", "rm", "-f", f"{node.lab.registry}/web:v3")
    one = pod(node, "pulled", {**app(node), "image": f"{node.lab.registry}/web:v3"})
    with node.running(one) as state:
        assert state.ready


def test_the_pod_network_is_made_once_and_clashes_are_found_first(node: OnNode) -> None:
    before = node.docker("network", "inspect", naming.network_name(FLEET), "--format", "{{.Id}}")
    node.prepare()
    assert node.docker("network", "inspect", naming.network_name(FLEET), "--format", "{{.Id}}") == before
    assert network.read_pod_cidr(node.engine, FLEET) == POD_CIDR
    other = msgspec.structs.replace(
        node.fleet, metadata=msgspec.structs.replace(node.fleet.metadata, name="two")
    )
    with pytest.raises(errors.NetworkClash):
        network.prepare(
            node.engine, other, PrepareNode(node=node.node, because="", owner=None, pod_cidr="10.42.9.0/24")
        )


def test_a_network_with_another_slice_is_made_anew_only_when_unused(node: OnNode) -> None:
    one = pod(node, "onnet")
    with node.running(one), pytest.raises(errors.NetworkClash, match="pods are on it"):
        node.prepare("10.42.8.0/24")
    node.prepare("10.42.8.0/24")
    assert network.read_pod_cidr(node.engine, FLEET) == "10.42.8.0/24"
    node.prepare()
    assert network.read_pod_cidr(node.engine, FLEET) == POD_CIDR


def test_the_sandbox_stops_at_once(node: OnNode) -> None:
    one = pod(node, "fast", app(node), app(node, name="b"))
    with node.running(one):
        sandbox = node.container(one, "sandbox").id
        # Then it has said what a signal does.
        node.until(lambda: b"sleep" in node.engine.exec(sandbox, ("/bin/busybox", "ps"), 15)[1])
        began = time.monotonic()
        node.docker("stop", "-t", "10", naming.sandbox_name(FLEET, "default", "fast"))
        assert time.monotonic() - began < 9.5


def test_only_our_own_containers_are_listed(node: OnNode) -> None:
    foreign = node.docker("create", "--label", "reconciler.io/fleet=another", node.image).strip()
    try:
        assert owned.list_containers(node.engine, FLEET) == []
    finally:
        node.docker("rm", "-f", foreign)


def test_every_container_of_a_pod_is_named_after_it(node: OnNode) -> None:
    one = pod(node, "named", app(node), app(node, name="sandbox"))
    with node.running(one) as state:
        assert (
            [c.name for c in state.containers]
            == [n for n, _, _ in roles(one)]
            == ["sandbox", "app", "sandbox"]
        )
