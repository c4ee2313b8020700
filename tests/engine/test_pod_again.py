"""A pod on a real Engine that is half made, killed or restarted: completed, without a restart too many."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.engine.pods import naming
from reconciler.model.observed import PodRecord
from tests.engine.pods import FLEET, OnNode, app, config_map, pod

pytestmark = [pytest.mark.fleet, pytest.mark.usefixtures("nothing_left")]


def states(node: OnNode, one: PodRecord) -> list[tuple[str, str]]:
    return [(c.name, c.state) for c in node.state(one).containers]


def test_starting_again_completes_a_half_made_pod_and_restarts_nothing(node: OnNode) -> None:
    mounts = [{"name": "c", "mountPath": "/c"}, {"name": "e", "mountPath": "/e"}]
    volumes = [{"name": "c", "configMap": {"name": "settings"}}, {"name": "e", "emptyDir": {}}]
    one = pod(node, "half", app(node, volumeMounts=mounts), app(node, name="b"), volumes=volumes)
    contents = [config_map("settings", {"a": "1"})]
    with node.running(one, contents):
        node.sh(one, "chmod 700 /e")
        before = node.state(one)
        node.docker("rm", "-f", naming.container_name(FLEET, "default", "half", "b"))
        assert ("b", "absent") in states(node, one)
        node.start(one, contents)
        after = node.state(one)
        assert after.ready
        assert [c.id for c in after.containers[:2]] == [c.id for c in before.containers[:2]]
        assert node.sh(one, "stat -c %a /e") == "700"


def test_a_crash_after_any_call_is_seen_and_completed(node: OnNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reconciler dies after each call that changes the node, and the next one goes on from there."""
    mount = {"volumeMounts": [{"name": "c", "mountPath": "/c"}]}
    volumes = [{"name": "c", "configMap": {"name": "settings"}}]
    one = pod(node, "crash", app(node, **mount), app(node, name="b"), volumes=volumes)
    contents = [config_map("settings", {"a": "1"})]

    class Died(BaseException):
        pass

    real, left = node.engine.call, 0

    def dying(method: str, path: str, **more: Any) -> Any:
        nonlocal left
        if method in ("POST", "DELETE") and left == 0:
            raise Died
        if method in ("POST", "DELETE"):
            left -= 1
        return real(method, path, **more)

    for survived in range(30):
        left = survived
        monkeypatch.setattr(node.engine, "call", dying)
        try:
            node.start(one, contents)
            break
        except Died:
            monkeypatch.setattr(node.engine, "call", real)
            assert bool(survived) == bool([p for p in node.pods() if p.record.name == "crash"])
            if survived % 2:
                node.stop(one)
                assert node.leftovers() == []
            else:
                node.start(one, contents)
                assert node.state(one).ready
                assert node.sh(one, "cat /c/a") == "1"
                assert (
                    len(node.docker("ps", "-aq", "--filter", f"label=reconciler.io/fleet={FLEET}").split())
                    == 3
                )
                node.stop(one)
    assert survived >= 8
    monkeypatch.setattr(node.engine, "call", real)
    node.stop(one)


def test_a_pod_of_which_only_a_volume_is_left_is_still_seen(node: OnNode) -> None:
    mount = {"volumeMounts": [{"name": "e", "mountPath": "/e"}]}
    one = pod(node, "remnant", app(node, **mount), volumes=[{"name": "e", "emptyDir": {}}])
    with node.running(one):
        node.docker("rm", "-f", naming.container_name(FLEET, "default", "remnant", "app"))
        assert states(node, one) == [("app", "absent")]
        assert node.state(one).record == one


def test_a_killed_container_is_started_again_and_counted(node: OnNode) -> None:
    one = pod(node, "killed")
    with node.running(one):
        node.docker("kill", naming.container_name(FLEET, "default", "killed", "app"))
        node.until(lambda: states(node, one) == [("app", "exited")])
        assert node.state(one).containers[0].exit_code == 137
        node.start_containers(one, "app")
        assert node.state(one).ready
        assert node.state(one).restarts == 1
        assert node.sh(one, "hostname -i") == "10.42.7.20"


def test_a_container_that_docker_restarts_is_seen_with_its_new_start(node: OnNode) -> None:
    one = pod(node, "quick", app(node, "sleep 0.7; exit 1"))
    with node.running(one):
        node.until(lambda: node.state(one).restarts >= 1)


def test_restarting_one_container_keeps_the_others(node: OnNode) -> None:
    one = pod(node, "liveness", app(node), app(node, name="b"))
    with node.running(one):
        before = {c.name: c for c in node.state(one).containers}
        node.restart(one, "app")
        after = {c.name: c for c in node.state(one).containers}
        assert after["app"].started_at > before["app"].started_at
        assert after["app"].restarts == 1
        assert after["b"] == before["b"]


def test_containers_whose_sandbox_was_restarted_count_as_exited_and_come_back(node: OnNode) -> None:
    one = pod(node, "orphans", app(node), app(node, name="b"))
    with node.running(one):
        node.docker("restart", "-t", "1", naming.sandbox_name(FLEET, "default", "orphans"))
        node.until(lambda: states(node, one) == [("sandbox", "running"), ("app", "exited"), ("b", "exited")])
        assert not node.state(one).ready
        node.start_containers(one, "app", "b")
        assert node.state(one).ready
        assert "10.42.7.20" in node.sh(one, "ip addr")


def test_starting_what_runs_already_changes_nothing(node: OnNode) -> None:
    """Docker, or somebody by hand, was quicker: with a sandbox and without."""
    for record in (pod(node, "quick"), pod(node, "both", app(node), app(node, name="b"))):
        with node.running(record):
            before = [(c.id, c.started_at) for c in node.state(record).containers]
            node.start_containers(record, "app")
            assert [(c.id, c.started_at) for c in node.state(record).containers] == before


def test_after_the_engine_was_restarted_every_pod_can_be_brought_back(node: OnNode) -> None:
    single, several = pod(node, "alone"), pod(node, "many", app(node), app(node, name="b"))
    several = msgspec.structs.replace(several, ip="10.42.7.21")
    with node.running(single), node.running(several):
        node.lab.stop_engine(node.node)
        node.lab.start_engine(node.node)
        node.reconnect()
        node.until(lambda: node.state(single).ready)
        node.until(lambda: ("sandbox", "running") in states(node, several))
        down = [c.name for c in node.state(several).containers if c.state == "exited"]
        node.start_containers(several, *down)
        node.until(lambda: node.state(several).ready)
        assert "10.42.7.21" in node.sh(several, "ip addr", "b")
