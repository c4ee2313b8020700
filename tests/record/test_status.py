"""Kubernetes-shaped objects: what kubectl reads to say Ready, successfully rolled out, CrashLoopBackOff."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from reconciler.model.container import Container, ResourceRequirements
from reconciler.model.desired import Desired
from reconciler.model.fleet import Fleet
from reconciler.model.meta import Key
from reconciler.model.observed import ContainerState, NodeFacts, NodeState, Observed, PodRecord, PodState
from reconciler.model.plan import Plan, Verdict
from reconciler.model.pod import PodSpec
from reconciler.model.progress import Attempt, PastVersion, Progress, RolloutState
from reconciler.model.revision import Revision
from reconciler.model.workload import Deployment
from reconciler.record.metadata import Shown, timestamp
from reconciler.record.pod_status import qos_class
from reconciler.record.status import Portrait, objects

WEB = Key("Deployment", "default", "web")
FLEET = msgspec.convert(
    {
        "apiVersion": "reconciler.io/v1",
        "kind": "Fleet",
        "metadata": {"name": "home"},
        "spec": {
            "nodes": [
                {"name": "pi-1", "address": "ssh://root@192.0.2.1"},
                {"name": "pi-2", "address": "ssh://root@pi-2.lan", "unschedulable": True},
            ]
        },
    },
    Fleet,
)


def deployment(**spec: Any) -> Deployment:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "main", "image": "web:1"}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
    }
    whole = {"selector": {"matchLabels": {"app": "web"}}, "template": template, "replicas": 2} | spec
    found = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
    }
    return msgspec.convert({**found, "spec": whole}, Deployment)


def pod(name: str, node: str = "pi-1", template_hash: str = "new", **state: Any) -> PodState:
    record = PodRecord(
        namespace="default", name=name, owner=WEB, template_hash=template_hash, revision="r" * 40, node=node,
        spec=PodSpec(containers=(Container(name="main", image="web:1"),)), ip="10.42.0.5",
        labels={"app": "web", "pod-template-hash": template_hash},
    )  # fmt: skip
    running = ContainerState(
        name="main", role="main", state="running", id="abc", started_at=90.0, started=True, ready=True
    )
    plain = {
        "containers": (running,),
        "phase": "Running",
        "created_at": 80.0,
        "ready": True,
        "ready_since": 95.0,
    }
    return PodState(record=record, **(plain | state))


def rollout(**more: Any) -> RolloutState:
    history = (
        PastVersion(number=1, template_hash="old", revision="q" * 40, at=10.0),
        PastVersion(number=2, template_hash="new", revision="r" * 40, at=70.0),
    )
    plain = {"phase": "complete", "number": 2, "started_at": 70.0, "progressed_at": 95.0, "history": history}
    return RolloutState(template_hash="new", **(plain | more))


def shown(
    pods: list[PodState],
    verdict: Verdict | None = None,
    wanted: Deployment | None = None,
    progress: Progress | None = None,
    nodes: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Shown]:
    """Every object by `Kind/name`."""
    desired = Desired(
        fleet=FLEET,
        revision=Revision(id="r" * 40),
        workloads={WEB: wanted or deployment()},
        hashes={WEB: "new"},
    )
    told = verdict or Verdict(standing="converged", desired=2, updated=2, ready=2, available=2, total=2)
    states = []
    for name in ("pi-1", "pi-2"):
        mine = tuple(p for p in pods if p.node == name)
        facts = NodeFacts(cpu_milli=4000, memory=8 * 2**30, docker_version="20.10.24", hostname=name)
        plain: dict[str, Any] = {"reachable": True, "facts": facts, "pod_cidr": "10.42.1.0/24"}
        states.append(NodeState(name=name, pods=mine, **(plain | (nodes or {}).get(name, {}))))
    plan = Plan(revision="r" * 40, verdicts={WEB: told})
    found = objects(desired, Observed(states), progress or Progress(rollouts={WEB: rollout()}), plan, 200.0)
    return {f"{o['kind']}/{o['metadata']['name']}": o for o in found}


def conditions(of: Shown) -> dict[str, tuple[str, str]]:
    return {c["type"]: (c["status"], c.get("reason", "")) for c in of["status"]["conditions"]}


def test_a_deployment_that_has_rolled_out() -> None:
    web = shown([pod("web-new-0"), pod("web-new-1", "pi-2")])["Deployment/web"]
    status = web["status"]
    assert status["observedGeneration"] == web["metadata"]["generation"] == 2
    assert [status[f"{n}eplicas"] for n in ("r", "updatedR", "readyR", "availableR")] == [2, 2, 2, 2]
    assert "unavailableReplicas" not in status
    assert conditions(web) == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert web["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    assert web["metadata"]["creationTimestamp"] == "1970-01-01T00:00:10Z"


@pytest.mark.parametrize(
    ("standing", "paused", "said"),
    [
        ("progressing", False, ("True", "ReplicaSetUpdated")),
        ("failed", False, ("False", "ProgressDeadlineExceeded")),
        ("paused", True, ("Unknown", "DeploymentPaused")),
    ],
)
def test_how_a_rollout_goes(standing: Any, paused: bool, said: tuple[str, str]) -> None:
    verdict = Verdict(
        standing=standing, desired=2, updated=1, ready=1, available=1, total=2, message="no image"
    )
    web = shown([pod("web-new-0")], verdict, deployment(paused=paused))["Deployment/web"]
    assert conditions(web)["Progressing"] == said
    assert conditions(web)["Available"] == ("False", "MinimumReplicasUnavailable")
    assert web["status"]["unavailableReplicas"] == 1


def test_defaults_are_filled_in_as_a_server_does() -> None:
    spec = shown([])["Deployment/web"]["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate"}
    assert spec["template"]["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] == 30


def test_each_version_has_its_replica_set() -> None:
    old = pod("web-old-0", template_hash="old")
    found = shown([pod("web-new-0"), old])
    new, before = found["ReplicaSet/web-new"], found["ReplicaSet/web-old"]
    assert new["spec"]["replicas"] == before["spec"]["replicas"] == 1
    assert new["metadata"]["ownerReferences"][0]["uid"] == found["Deployment/web"]["metadata"]["uid"]
    assert before["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"
    assert new["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": "new"}
    assert before["spec"]["template"]["spec"]["containers"][0]["image"] == "web:1"
    reference = found["Pod/web-old-0"]["metadata"]["ownerReferences"][0]
    assert (reference["kind"], reference["name"], reference["uid"]) == (
        "ReplicaSet", "web-old", before["metadata"]["uid"],
    )  # fmt: skip


def test_a_pod_that_runs() -> None:
    found = shown([pod("web-new-0")])["Pod/web-new-0"]
    assert found["spec"]["nodeName"] == "pi-1"
    assert found["status"]["podIP"] == "10.42.0.5"
    assert conditions(found)["Ready"][0] == "True"
    (container,) = found["status"]["containerStatuses"]
    assert container["state"] == {"running": {"startedAt": "1970-01-01T00:01:30Z"}}
    assert container["containerID"] == "docker://abc"
    assert found["status"]["qosClass"] == "BestEffort"


CRASHED = ContainerState(
    name="main", role="main", state="restarting", id="a", exit_code=3, finished_at=99.0, restarts=4
)


def container(state: Any, **more: Any) -> ContainerState:
    return ContainerState(name="main", role="main", state=state, **more)


DONE_AT = "1970-01-01T00:00:09Z"


@pytest.mark.parametrize(
    ("found", "reason", "wanted"),
    [
        (CRASHED, "CrashLoopBackOff", ("waiting", "CrashLoopBackOff", "restarting after exit code 3")),
        (container("absent"), "ImagePullBackOff", ("waiting", "ImagePullBackOff", "no such image")),
        (container("created"), "", ("waiting", "ContainerCreating", None)),
        (container("exited", exit_code=0, finished_at=9.0), "", ("terminated", "Completed", 0)),
        (container("exited", exit_code=2, finished_at=9.0), "", ("terminated", "Error", 2)),
        (
            container("exited", exit_code=137, oom_killed=True, finished_at=9.0),
            "",
            ("terminated", "OOMKilled", 137),
        ),
    ],
)
def test_a_container_that_does_not_run_says_why(
    found: ContainerState, reason: str, wanted: tuple[str, str, Any]
) -> None:
    message = "no such image" if reason == "ImagePullBackOff" else ""
    bad = pod("web-new-0", containers=(found,), ready=False, reason=reason, message=message)
    told = shown([bad])["Pod/web-new-0"]
    (status,) = told["status"]["containerStatuses"]
    ((state, details),) = status["state"].items()
    assert (state, details["reason"], details.get("message", details.get("exitCode"))) == wanted
    assert details.get("finishedAt") == (DONE_AT if state == "terminated" else None)
    assert status["restartCount"] == found.restarts
    assert conditions(told)["Ready"] == ("False", "ContainersNotReady")


def test_a_crashed_container_keeps_how_it_ended() -> None:
    (told,) = shown([pod("p", containers=(CRASHED,))])["Pod/p"]["status"]["containerStatuses"]
    assert told["lastState"]["terminated"]["exitCode"] == 3


def test_a_pod_that_could_not_be_started_is_pending_and_says_why() -> None:
    record = pod("web-new-1").record
    attempt = Attempt(
        record=record, count=2, reason="ImagePullBackOff", message="no such tag", first_at=5.0, retry_at=9.0
    )
    found = shown([], progress=Progress(rollouts={WEB: rollout()}, attempts={record.key: attempt}))[
        "Pod/web-new-1"
    ]
    assert found["status"]["phase"] == "Pending"
    assert found["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ImagePullBackOff"


def test_of_doubles_the_one_on_the_node_that_answers_is_shown() -> None:
    twins = [pod("p", "pi-1"), pod("p", "pi-2")]
    found = shown(twins, nodes={"pi-1": {"reachable": False}})["Pod/p"]
    assert found["spec"]["nodeName"] == "pi-2"


def test_nodes() -> None:
    found = shown([], nodes={"pi-2": {"reachable": False, "lost_since": 60.0, "message": "no route to host"}})
    one, two = found["Node/pi-1"], found["Node/pi-2"]
    assert one["status"]["capacity"] == {"cpu": "4", "memory": "8388608Ki", "pods": "250"}
    assert one["status"]["addresses"][0] == {"type": "InternalIP", "address": "192.0.2.1"}
    assert conditions(one) == {"Ready": ("True", "EngineReady")}
    assert one["metadata"]["labels"]["kubernetes.io/arch"] == "amd64"
    assert "unschedulable" not in one["spec"]
    assert conditions(two)["Ready"][0] == "Unknown"
    assert two["spec"]["unschedulable"] is True
    assert [t["key"] for t in two["spec"]["taints"]] == [
        "node.kubernetes.io/unreachable", "node.kubernetes.io/unschedulable",
    ]  # fmt: skip
    assert two["status"]["addresses"][0] == {"type": "InternalDNS", "address": "pi-2.lan"}


def test_everything_is_json_and_the_same_again() -> None:
    pods = [pod("web-new-0"), pod("web-new-1", "pi-2")]
    assert json.dumps(shown(pods)) == json.dumps(shown(pods))


def test_the_time_of_asking_is_nowhere_in_it() -> None:
    desired = Desired(
        fleet=FLEET, revision=Revision(id="r"), workloads={WEB: deployment()}, hashes={WEB: "new"}
    )
    observed = Observed([NodeState(name="pi-1", reachable=True, pods=(pod("web-new-0"),))])
    progress = Progress(rollouts={WEB: rollout()})
    plan = Plan(revision="r", verdicts={WEB: Verdict(standing="converged", desired=1, available=1, total=1)})
    portrait = Portrait()
    first = portrait.of(desired, observed, progress, plan, 1000.0)
    again = portrait.of(desired, observed, progress, plan, 5000.0)
    assert first == again
    assert [a is b for a, b in zip(first, again, strict=True)][-3:] == [True] * 3, "not drawn again"


def test_what_is_remembered_never_shows_something_old() -> None:
    portrait, progress = Portrait(), Progress(rollouts={WEB: rollout()})
    for n, image in enumerate(("web:1", "web:1", "web:2")):
        template = {"spec": {"containers": [{"name": "main", "image": image}]}}
        wanted = deployment(template=template, replicas=n)
        desired = Desired(
            fleet=FLEET, revision=Revision(id="r"), workloads={WEB: wanted}, hashes={WEB: "new"}
        )
        pods = tuple(pod(f"web-new-{i}", ready=bool(i)) for i in range(n))
        observed = Observed([NodeState(name="pi-1", reachable=True, pods=pods)])
        verdict = Verdict(standing="progressing", desired=n, total=n, ready=max(0, n - 1))
        plan = Plan(revision="r", verdicts={WEB: verdict})
        told = portrait.of(desired, observed, progress, plan, 200.0 + n)
        assert told == objects(desired, observed, progress, plan, 200.0 + n)


def test_an_ending_pod_keeps_the_time_at_which_its_end_was_seen() -> None:
    desired = Desired(
        fleet=FLEET, revision=Revision(id="r"), workloads={WEB: deployment()}, hashes={WEB: "new"}
    )
    portrait = Portrait()
    stamps = []
    for now in (1000.0, 1007.0):
        ending = Observed([NodeState(name="pi-1", reachable=True, pods=(pod("p", terminating=True),))])
        stamps.append(
            portrait.of(desired, ending, Progress(), None, now)[-1]["metadata"]["deletionTimestamp"]
        )
    assert stamps == ["1970-01-01T00:16:40Z"] * 2


def test_before_the_first_revision_there_is_nothing_to_show() -> None:
    assert objects(None, Observed(), Progress(), None, 0.0) == ()


@pytest.mark.parametrize(
    ("requests", "limits", "wanted"),
    [
        ({}, {}, "BestEffort"),
        ({"cpu": "1"}, {}, "Burstable"),
        ({}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
        ({"cpu": "1", "memory": "1Gi"}, {"cpu": "1", "memory": "1Gi"}, "Guaranteed"),
        ({"cpu": "500m"}, {"cpu": "1", "memory": "1Gi"}, "Burstable"),
        ({"cpu": "1000m", "memory": "1024Mi"}, {"cpu": 1, "memory": "1Gi"}, "Guaranteed"),
    ],
)
def test_quality_of_service(requests: dict[str, Any], limits: dict[str, Any], wanted: str) -> None:
    container = Container(
        name="main", image="web:1", resources=ResourceRequirements(requests=requests, limits=limits)
    )
    record = msgspec.structs.replace(pod("p").record, spec=PodSpec(containers=(container,)))
    assert qos_class(record) == wanted


@pytest.mark.parametrize("at", [1e300, -1e300, float("inf"), float("nan"), 253402300800.0])
def test_a_time_that_no_calendar_has_is_none(at: float) -> None:
    assert timestamp(at) is None
