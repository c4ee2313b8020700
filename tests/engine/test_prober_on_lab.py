"""The prober against real programs: every kind of probe, eager at first, and what a hanging program gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.engine.probes.prober import Prober
from reconciler.model.observed import ContainerState, PodRecord, PodState
from tests.engine.pods import WAIT, OnNode, record

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("nothing_left")]

SERVE = "httpd -f -p 8080 -h /www & " + WAIT


class Probed:
    """A pod and a prober that looks at it."""

    def __init__(self, node: OnNode, one: PodRecord) -> None:
        self.node, self.one = node, one
        self.changed = threading.Event()
        self.prober = Prober(lambda: node.engine, time.time, self.changed.set)

    def look(self) -> PodState:
        pods = self.node.pods()
        self.prober.update(pods)
        return next(p for p in self.prober.apply(pods) if p.record.name == self.one.name)

    def container(self) -> ContainerState:
        return self.look().containers[-1]

    def until(self, wanted: str, value: bool, seconds: float = 60.0) -> float:
        began = time.monotonic()
        while getattr(self.container(), wanted) is not value:
            assert time.monotonic() - began < seconds, self.look()
            self.changed.wait(0.02)
            self.changed.clear()
        return time.monotonic() - began


@contextmanager
def probed(node: OnNode, name: str, script: str, **container: Any) -> Iterator[Probed]:
    app = {"name": "app", "image": node.image, "command": ["sh", "-c", script], **container}
    one = record(name, {"containers": [app]}, node=node.node)
    with node.running(one):
        found = Probed(node, one)
        try:
            yield found
        finally:
            found.prober.close()


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"port": 8080}},
        {"httpGet": {"port": "http", "path": "index.html", "httpHeaders": [{"name": "Host", "value": "x"}]}},
        {"tcpSocket": {"port": 8080}},
        {"exec": {"command": ["test", "-e", "/bin/sh"]}},
    ],
)
def test_a_program_that_answers_is_ready_at_once(node: OnNode, probe: dict[str, Any]) -> None:
    ports = [{"name": "http", "containerPort": 8080}]
    with probed(node, "ready", SERVE, readinessProbe=probe, ports=ports) as pod:
        assert pod.until("ready", True) < 8, "sooner than its period, 10 s"
        assert pod.look().ready
        assert pod.look().ready_since is not None


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ({"httpGet": {"port": 8080, "path": "/nothing"}}, "statuscode: 404"),
        ({"tcpSocket": {"port": 9}}, "connection refused"),
        ({"exec": {"command": ["sh", "-c", "echo no luck; exit 3"]}}, "exit code 3: no luck"),
        ({"exec": {"command": ["sleep", "60"]}}, "timed out"),
        ({"httpGet": {"port": 8080, "scheme": "HTTPS"}}, "10.42.7.20:8080"),
        ({"grpc": {"port": 8080}}, "10.42.7.20:8080"),
        ({"httpGet": {"port": "nameless"}}, 'no port is named "nameless"'),
    ],
)
def test_a_program_that_answers_wrongly_is_not_ready_and_says_why(
    node: OnNode, probe: dict[str, Any], words: str
) -> None:
    with probed(node, "unready", SERVE, readinessProbe={**probe, "periodSeconds": 1}) as pod:
        end = time.monotonic() + 60
        while words not in pod.look().message:
            assert time.monotonic() < end, pod.look()
            time.sleep(0.05)
        assert not pod.look().ready


def test_readiness_comes_and_goes(node: OnNode) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    with probed(node, "flaps", WAIT, readinessProbe=probe) as pod:
        assert not pod.look().ready
        node.sh(pod.one, "touch /tmp/ok")
        pod.until("ready", True)
        node.sh(pod.one, "rm /tmp/ok")
        pod.until("ready", False)
        assert pod.look().ready_since is None


def test_liveness_that_fails_asks_for_a_restart_until_there_was_one(node: OnNode) -> None:
    patient = {"periodSeconds": 1, "failureThreshold": 2, "timeoutSeconds": 20}  # only its exit code fails it
    probe = {"exec": {"command": ["test", "!", "-e", "/tmp/hung"]}, **patient}
    begin = "rm -f /tmp/hung; touch /tmp/begun; "
    with probed(node, "hangs", begin + WAIT, livenessProbe=probe) as pod:
        pod.look()
        node.until(lambda: node.sh(pod.one, "ls /tmp/begun") == "/tmp/begun")
        began = time.monotonic()
        node.sh(pod.one, "touch /tmp/hung")
        pod.until("live", False)
        assert time.monotonic() - began > 0.5, "the first failure is not enough"
        node.restart(pod.one, "app")
        state = pod.container()
        assert state.live
        assert state.restarts == 1


def test_startup_holds_back_the_other_probes(node: OnNode) -> None:
    probes = {
        "startupProbe": {"exec": {"command": ["test", "-e", "/tmp/up"]}, "failureThreshold": 100},
        "livenessProbe": {"exec": {"command": ["false"]}, "failureThreshold": 1},
        "readinessProbe": {"exec": {"command": ["true"]}},
    }
    with probed(node, "slow", WAIT, **probes) as pod:
        pod.look()
        time.sleep(1)
        state = pod.container()
        assert (state.started, state.ready, state.live) == (False, False, True)
        node.sh(pod.one, "touch /tmp/up")
        pod.until("started", True)
        pod.until("live", False)


def test_the_initial_delay_is_honoured(node: OnNode) -> None:
    probe = {"tcpSocket": {"port": 8080}, "initialDelaySeconds": 2}
    with probed(node, "delayed", SERVE, readinessProbe=probe) as pod:
        pod.until("ready", True)
        started = pod.container().started_at
        assert started is not None and time.time() - started > 1.9
