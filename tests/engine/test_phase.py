"""A pod's phase and reason, as kubectl shows them."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.engine.observing.phase import pod_status
from reconciler.model.container import Container
from reconciler.model.observed import ContainerState, Role
from reconciler.model.pod import PodSpec


def c(state: str, code: int | None = None, role: Role = "main", **more: Any) -> ContainerState:
    started = None if state in ("absent", "created") else 1.0
    fields = {"name": role[0], "started_at": started, "exit_code": code, **more}
    if state == "running":
        fields = {"started": True, "ready": True, **fields}
    return ContainerState(role=role, state=state, **fields)


def spec(policy: str = "Always") -> PodSpec:
    return PodSpec(containers=(Container(name="m", image="i"),), restart_policy=policy)


CASES = [
    ("nothing yet", "Always", [c("absent")], "Pending", "ContainerCreating"),
    ("made", "Always", [c("created")], "Pending", "ContainerCreating"),
    ("won't start", "Always", [c("created", error="no such file")], "Pending", "RunContainerError"),
    ("runs", "Always", [c("running")], "Running", ""),
    ("waits", "Always", [c("restarting", 1)], "Running", "CrashLoopBackOff"),
    ("first crash", "Always", [c("exited", 1)], "Running", "Error"),
    ("crashed again", "Always", [c("exited", 1, restarts=2)], "Running", "CrashLoopBackOff"),
    ("out of memory", "Never", [c("exited", 137, oom_killed=True)], "Failed", "OOMKilled"),
    ("done", "Never", [c("exited", 0)], "Succeeded", "Completed"),
    ("done, too", "OnFailure", [c("exited", 0)], "Succeeded", "Completed"),
    ("failed", "Never", [c("exited", 2)], "Failed", "Error"),
    ("one failed", "Never", [c("exited", 0), c("exited", 2)], "Failed", "Error"),
    ("will be tried again", "OnFailure", [c("exited", 2)], "Running", "Error"),
    ("one done, one runs", "Never", [c("exited", 0), c("running")], "Running", ""),
    ("one done, one unready", "Never", [c("exited", 0), c("running", ready=False)], "Running", "NotReady"),
    ("paused", "Always", [c("paused")], "Running", "Paused"),
    ("init not made", "Always", [c("absent", role="init"), c("absent")], "Pending", "ContainerCreating"),
    ("init runs", "Always", [c("running", role="init"), c("created")], "Pending", "Init:0/1"),
    ("init done", "Always", [c("exited", 0, role="init"), c("created")], "Pending", "PodInitializing"),
    (
        "init done, won't start",
        "Always",
        [c("exited", 0, role="init"), c("created", error="no such file")],
        "Pending",
        "RunContainerError",
    ),
    (
        "second init",
        "Always",
        [c("exited", 0, role="init"), c("running", role="init"), c("created")],
        "Pending",
        "Init:1/2",
    ),
    ("init failed", "Always", [c("exited", 1, role="init"), c("created")], "Pending", "Init:Error"),
    (
        "init again",
        "Always",
        [c("exited", 1, role="init", restarts=1), c("created")],
        "Pending",
        "Init:CrashLoopBackOff",
    ),
    ("init given up", "Never", [c("exited", 1, role="init"), c("created")], "Failed", "Init:Error"),
    (
        "sidecar starting",
        "Always",
        [c("running", role="sidecar", started=False), c("created")],
        "Pending",
        "Init:0/1",
    ),
    ("sidecar up", "Always", [c("running", role="sidecar"), c("created")], "Pending", "PodInitializing"),
    ("init forgotten", "Always", [c("absent", role="init"), c("running")], "Running", ""),
    ("sandbox and main", "Always", [c("running", role="sandbox"), c("running")], "Running", ""),
]


@pytest.mark.parametrize(
    ("policy", "containers", "phase", "reason"), [x[1:] for x in CASES], ids=[x[0] for x in CASES]
)
def test_the_status_column(policy: str, containers: list[ContainerState], phase: str, reason: str) -> None:
    found = pod_status(spec(policy), tuple(containers))
    assert (found.phase, found.reason) == (phase, reason)


def test_a_crash_is_explained() -> None:
    found = pod_status(spec(), (c("restarting", 3, error="boom"),))
    assert found.message == "container m exited with code 3: boom"
