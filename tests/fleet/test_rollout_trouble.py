"""What goes wrong in the middle of a delivery, and who else can be delivered: said, survived, no loss."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import yaml

from reconciler.lab import Lab
from tests.fleet.lossless import witnessed
from tests.fleet.rollouts import Course, delivering, rollout, services, template
from tests.fleet.site import SILENT_S, until

pytestmark = pytest.mark.fleet

GREEN_PORT = 30081
LOST = "  nodeLostAfter: 3s\n  podEvictionAfter: 2s\n"
CANARY = """
    canary:
      canaryService: app-canary
      stableService: app-stable
      trafficRouting: {}
      scaleDownDelaySeconds: 1
      abortScaleDownDelaySeconds: 1
      steps: [{setWeight: 50}, {pause: {}}]
"""
BLUE_GREEN = """
    blueGreen: {activeService: green, autoPromotionEnabled: false, scaleDownDelaySeconds: 30}
"""


def canary(image: str, more: str = "", env: str = "") -> str:
    return rollout(image, CANARY, more=more, env=env) + services("app-stable", "app-canary")


@pytest.fixture(scope="module")
def course(lab: Lab, apps: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    root = tmp_path_factory.mktemp("trouble")
    with delivering(lab, root, canary(apps["app:v1"]), extra=LOST) as ready:
        yield ready


def test_an_image_that_there_is_not_is_said_and_with_abort_left(course: Course, apps: dict[str, str]) -> None:
    old, _ = course.versions()
    course.settle(canary(apps[f"app:{old}"]))
    missing = f"{course.place.lab.registry}/app:nowhere"

    def deliver() -> None:
        course.push(canary(missing, "  progressDeadlineSeconds: 3"))
        course.reaches("Degraded")
        # That the image isn't there may become known after that there is no progress.
        until(lambda: "nowhere" in course.status().message, "it says why", course.tell)
        stands = course.status()
        assert stands.stage == "stepping", "it stays, and waits for somebody"
        assert "no progress for 3s" in stands.message, stands.message
        course.push(canary(missing, "  progressDeadlineSeconds: 3\n  progressDeadlineAbort: true"))
        until(lambda: course.status().stage == "aborted", "it is aborted", course.tell)
        assert "nowhere" in course.status().message

    witnessed(course, deliver).lossless()
    course.serves(old)


def test_of_two_commits_in_a_hurry_the_later_one_is_delivered(course: Course, apps: dict[str, str]) -> None:
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"]))

    def hurry() -> None:
        course.push(canary(apps[f"app:{old}"], env="{name: NUMBER, value: '1'}"))
        until(lambda: course.status().updated > 0, "the first has begun", course.tell)
        course.push(canary(apps[f"app:{new}"]))
        course.reaches("Paused", step=1)
        course.gives(new, 50)
        course.order("promote")
        course.reaches("Healthy")
        until(lambda: set(course.place.images()) == {new}, "only its pods are there", course.tell)
        assert len(course.place.pods()) == 2

    witnessed(course, hurry).lossless()


def test_restart_at_replaces_every_pod_and_no_request_fails(course: Course, apps: dict[str, str]) -> None:
    old, _ = course.versions()
    course.settle(canary(apps[f"app:{old}"]))
    before = {p.id for p in course.place.pods()}
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

    def restart() -> None:
        course.push(canary(apps[f"app:{old}"], f"  restartAt: '{now}'"))
        until(lambda: not before & {p.id for p in course.place.pods()}, "all are new", course.tell)
        course.reaches("Healthy")

    witnessed(course, restart).lossless()


def green(image: str) -> str:
    """A blue-green beside the canary, with a pod of each version on every node."""
    return rollout(image, BLUE_GREEN, name="green", replicas=3) + services(of="green", node_port=GREEN_PORT)


def test_a_node_vanishes_in_the_middle(course: Course, apps: dict[str, str]) -> None:
    """Of a canary and of a preview: its pods are replaced elsewhere, and what clients get stays as it was."""
    old, new = course.versions()
    course.settle(canary(apps[f"app:{old}"]) + green(apps["app:v1"]))
    other = course.of("Rollout", "green")
    other.reaches("Healthy")
    course.push(canary(apps[f"app:{new}"]) + green(apps["app:v2"]))
    other.reaches("Paused")
    stands = course.reaches("Paused", step=1)
    (fresh,) = (s for s in stands.sets if s.template_hash == stands.template_hash)
    victim = next(iter(fresh.nodes))
    node = next(n.name for n in course.place.lab.nodes if n.name != victim)
    course.place.lab.cut(victim)
    try:
        until(lambda: _elsewhere(course, victim) == 3 + 6, "all are elsewhere", course.tell, SILENT_S)
        after = course.status()
        assert (after.phase, after.step, after.weight) == ("Paused", stands.step, stands.weight)
        assert other.status().phase == "Paused"
        course.serves(old, new, at=node)
        other.serves("v1", at=node, port=GREEN_PORT)
        course.order("promote")
        other.order("promote")
        course.serves(new, at=node)
        other.serves("v2", at=node, port=GREEN_PORT)
    finally:
        course.place.lab.heal(victim)
    course.push(canary(apps[f"app:{new}"]))
    until(course.place.converged, "it is healed", course.tell, SILENT_S)


def _elsewhere(course: Course, lost: str) -> int:
    """Pods that are ready on other nodes."""
    return sum(p.node != lost and p.ready == p.containers for p in course.place.seen().pods)


def deployment(name: str, image: str, **annotations: str) -> str:
    found = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "annotations": annotations},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": {"app": name}},
            "template": yaml.safe_load(template(image, name=name)),
        },
    }
    return f"\n---\n{json.dumps(found)}\n"


def annotated(image: str) -> str:
    """A Deployment that asks for a canary by its annotation."""
    strategy = "canary: {steps: [{setWeight: 50}, {pause: {}}]}"
    return deployment("plain", image, **{"reconciler.io/strategy": strategy})


def test_verbs_of_the_command_line_steer_a_deployment_that_is_annotated(
    course: Course, apps: dict[str, str]
) -> None:
    """Exit codes, words, who said what; `--watch` ends when it has ended."""
    old, _ = course.versions()
    base = canary(apps[f"app:{old}"])
    course.settle(base)
    run = course.place.run
    other = course.of("Deployment", "plain")
    course.push(base + annotated(apps["app:v1"]))
    other.reaches("Healthy")
    course.push(base + annotated(apps["app:v2"]))
    other.reaches("Paused", step=1)
    assert "pause until promoted" in run("rollout", "status", "plain").stdout
    assert run("rollout", "resume", "app", check=False).returncode == 1
    assert run("rollout", "status", "nothing", check=False).returncode == 1
    run("rollout", "pause", "deployment/plain")
    refused = run("rollout", "pause", "plain", check=False)
    assert refused.returncode == 1 and "paused already" in refused.stderr
    assert run("rollout", "abort", "plain", "--watch", "--timeout", "50s").returncode == 0
    assert run("rollout", "status", "plain", "--watch", check=False).returncode == 1
    assert set(course.place.images()) >= {"v1"}
    run("rollout", "retry", "plain")
    other.reaches("Paused", step=1)
    assert run("rollout", "promote", "plain", "--watch", "--timeout", "50s").returncode == 0
    run("rollout", "undo", "plain")
    other.reaches("Degraded")
    told = run("history", "plain").stdout
    for verb in ("pause", "abort", "retry", "promote", "undo"):
        assert verb in told, told
    assert "root@" in told


def taking(scale_down: str) -> str:
    """A Rollout that takes the Deployment's template."""
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "given", "scaleDown": scale_down}
    found = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "taker"},
        "spec": {"replicas": 2, "workloadRef": ref, "strategy": {"canary": {"maxSurge": 1}}},
    }
    return f"\n---\n{json.dumps(found)}\n"


@pytest.mark.parametrize("scale_down", ["onsuccess", "progressively"])
def test_a_rollout_takes_over_from_a_deployment(
    course: Course, apps: dict[str, str], scale_down: str
) -> None:
    old, _ = course.versions()
    base = canary(apps[f"app:{old}"]) + deployment("given", apps["app:v1"])
    course.push(base)
    until(lambda: course.place.converged() and len(owned(course, "given")) == 2, "it runs", course.tell)
    course.push(base + taking(scale_down))
    taker = course.of("Rollout", "taker")
    taker.reaches("Healthy")
    until(course.place.converged, "it converged", course.tell)
    assert (len(owned(course, "given")), len(owned(course, "taker"))) == (0, 2)


def owned(course: Course, name: str) -> list[str]:
    return [p.name for p in course.place.seen().pods if p.name.startswith(f"{name}-")]
