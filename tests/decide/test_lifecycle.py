"""What a pod needs next: every state of every container."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide.lifecycle import INIT, RESTARTS, SANDBOX, SIDECAR, backoff, broken, care, grace_of
from reconciler.decide.version import wanted_version
from reconciler.model.observed import ContainerState, PodState
from tests.decide.builders import bare_pod, desired

NOW = 1000.0
STATES = ("absent", "created", "running", "restarting", "exited", "paused")


def pod(*containers: ContainerState, phase: Any = "Running", **spec: Any) -> PodState:
    wanted = desired(bare_pod(**spec))
    key = next(iter(wanted.workloads))
    record = wanted_version(wanted, key).record(key, "job", "pi-1", "10.42.1.2")
    return PodState(record=record, containers=containers, phase=phase)


def one(state: Any, role: Any = "main", name: str = "app", **fields: Any) -> ContainerState:
    return ContainerState(name=name, role=role, state=state, **fields)


def test_the_tables_name_every_state() -> None:
    assert set(INIT) == set(SIDECAR) == set(SANDBOX) == set(STATES)
    assert len(RESTARTS) == 6


@pytest.mark.parametrize(
    ("state", "policy", "code", "need"),
    [
        ("absent", "Always", None, "complete"),
        ("created", "Always", None, "start"),
        ("running", "Always", None, "nothing"),
        ("restarting", "Always", 1, "nothing"),
        ("paused", "Always", None, "nothing"),
        ("exited", "Always", 0, "start"),
        ("exited", "Always", 137, "start"),
        ("exited", "OnFailure", 0, "nothing"),
        ("exited", "OnFailure", 1, "start"),
        ("exited", "Never", 1, "nothing"),
    ],
)
def test_a_main_container(state: str, policy: str, code: int | None, need: str) -> None:
    assert care(pod(one(state, exit_code=code), restartPolicy=policy), NOW).need == need


@pytest.mark.parametrize(
    ("init", "policy", "need", "containers"),
    [
        (one("created", "init", "i"), "Always", "start", ("i",)),
        (one("running", "init", "i"), "Always", "nothing", ()),
        (one("exited", "init", "i", exit_code=0), "Always", "start", ("app",)),
        (one("exited", "init", "i", exit_code=1, finished_at=NOW - 11), "Always", "start", ("i",)),
        (one("exited", "init", "i", exit_code=1, finished_at=NOW - 9), "Always", "nothing", ()),
        (one("exited", "init", "i", exit_code=1, finished_at=0.0), "Never", "nothing", ()),
        (one("absent", "init", "i"), "Always", "complete", ()),
        (one("running", "sidecar", "i"), "Always", "nothing", ()),
        (one("running", "sidecar", "i", started=True), "Always", "start", ("app",)),
        (one("created", "sandbox", "i"), "Always", "complete", ()),
        (one("running", "sandbox", "i"), "Always", "start", ("app",)),
    ],
)
def test_what_comes_before_the_main_container(
    init: ContainerState, policy: str, need: str, containers: tuple[str, ...]
) -> None:
    found = care(pod(init, one("created"), restartPolicy=policy), NOW)
    assert (found.need, found.containers) == (need, containers)


def test_init_containers_are_over_once_a_main_one_has_run() -> None:
    removed = pod(one("absent", "init", "i"), one("running", ready=True))
    assert care(removed, NOW).need == "nothing"


def test_a_back_off_says_when_to_look_again() -> None:
    ended = one("exited", exit_code=1, started_at=NOW - 20, finished_at=NOW - 5, restarts=2)
    assert care(pod(ended), NOW).until == NOW - 5 + 20
    calm = one("exited", exit_code=1, started_at=NOW - 700, finished_at=NOW - 5, restarts=2)
    assert care(pod(calm), NOW).need == "start"


def test_a_clock_that_was_ahead_holds_no_restart_up() -> None:
    ended = one("exited", exit_code=1, started_at=NOW - 20, finished_at=NOW + 86_400, restarts=2)
    assert care(pod(ended), NOW).need == "start"
    soon = msgspec.structs.replace(ended, finished_at=NOW + 2)
    assert care(pod(soon), NOW).until == NOW + 2 + 20, "clocks differ a little everywhere"


def test_back_off_doubles_up_to_five_minutes() -> None:
    assert [backoff(n) for n in range(8)] == [0, 10, 20, 40, 80, 160, 300, 300]


def test_a_failed_liveness_probe_restarts_with_the_probes_own_grace() -> None:
    probe = {"exec": {"command": ["false"]}, "terminationGracePeriodSeconds": 3}
    sick = pod(
        one("running", started=True, live=False, probe_message="HTTP 500"), container={"livenessProbe": probe}
    )
    found = care(sick, NOW)
    assert (found.need, found.containers, found.grace) == ("restart", ("app",), 3.0)
    assert found.because == "its liveness probe failed: HTTP 500"


@pytest.mark.parametrize("field", ["busy", "terminating"])
def test_nothing_is_done_to_a_pod_that_is_being_worked_on(field: str) -> None:
    assert care(msgspec.structs.replace(pod(one("created")), **{field: True}), NOW).need == "nothing"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_is_done_stays_done(phase: str) -> None:
    assert care(pod(one("exited", exit_code=0), phase=phase), NOW).need == "nothing"


def test_a_pod_whose_network_died_cannot_be_mended() -> None:
    dead = pod(one("exited", "sandbox", "sandbox"), one("running"))
    assert broken(dead) == "its sandbox has died under app"
    assert not broken(pod(one("exited", "sandbox", "sandbox"), one("exited")))


def test_nothing_that_runs_needs_no_grace() -> None:
    assert grace_of(pod(one("exited"))) == 0.0
    assert grace_of(pod(one("running"))) == 30.0
