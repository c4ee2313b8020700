"""What a manifest comes to, without a machine: a value for each side of the reconciler that reads manifests.

Names that merely repeat the manifest (labels with the pod as JSON, template hashes) are left out, so two
manifests that come to the same value differ in nothing that anybody would ever notice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace

from reconciler.decide import decide
from reconciler.decide.lifecycle import care, grace_of
from reconciler.decide.version import wanted_version
from reconciler.engine.pods import hooks, image, start
from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.pod import DockerPod, images_to_ask, translate
from reconciler.engine.probes import probe, probing
from reconciler.errors import ContainerConfigInvalid, HookFailed
from reconciler.manifests.judge import judge
from reconciler.model.action import StartPod
from reconciler.model.config import ConfigMap, Secret
from reconciler.model.container import Container
from reconciler.model.desired import Contents
from reconciler.model.kinds import KINDS, Workload
from reconciler.model.meta import Key
from reconciler.model.observed import (
    ContainerState,
    NodeFacts,
    NodeState,
    Observed,
    PodRecord,
    PodState,
)
from reconciler.model.pod import Pod
from reconciler.model.progress import PastVersion, Progress, RolloutState
from tests.decide.builders import bare_pod, desired, fleet

NOW = 10_000.0
FACTS = NodeFacts(cpu_milli=4000, memory=8 * 2**30, disk_free=2**40)
PLACE = Place(fleet="home", network="home_pods", dns="10.43.0.10", host_ip="10.0.0.5", facts=FACTS)
NODES = fleet(
    {"name": "a", "labels": {"rack": "1", "zone": "x", "size": "2"}},
    {"name": "b", "labels": {"rack": "1", "zone": "y", "size": "4"}},
    {"name": "c", "labels": {"rack": "2", "zone": "z", "size": "8"}},
    {
        "name": "d",
        "labels": {"zone": "w"},
        "taints": [{"key": "only", "value": "gpu", "effect": "NoSchedule"}],
    },
)


def converted(value: dict[str, Any]) -> Any:
    return msgspec.convert(value, KINDS[value["apiVersion"], value["kind"]])


def record_of(pod: Pod, node: str = "a", ip: str = "10.42.0.9") -> PodRecord:
    wanted = desired(pod, hashes={pod.key: "same"})
    return wanted_version(wanted, pod.key).record(pod.key, pod.metadata.name, node, ip)


def on_docker(value: dict[str, Any], contents: Contents) -> Any:
    """Create bodies without labels, volumes and their files, pulls with their logins, what starts first."""
    record = record_of(converted(value))
    try:
        pod = translate(record, contents, PLACE, dict.fromkeys(images_to_ask(record), "7"), "node:1")
    except ContainerConfigInvalid as error:
        return str(error)
    return (
        [(c.docker_name, c.role, _without_labels(c.body)) for c in pod.containers],
        [(asdict(v), [asdict(f) for f in v.files]) for v in pod.volumes],
        pod.host_paths,
        sorted(images_to_ask(record)),
        list(_pulls(record, contents)),
        _first(pod),
    )


def _without_labels(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != "Labels"}


def _pulls(record: PodRecord, contents: Contents) -> Iterator[Any]:
    for container in record.spec.every_container():
        yield container.image, container.pull_policy, image.logins(container.image, record, contents)


def _first(pod: DockerPod) -> list[str]:
    return [c.name for c in start.first_ones(pod)]


class Recorder:
    """An Engine that writes down what is asked of it, and answers nothing."""

    node = "a"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def exec(self, _: str, command: Any, timeout: float) -> tuple[int, bytes]:
        self.asked.append(("exec", tuple(command), timeout))
        return 0, b""

    def dial(self, host: str, port: int, timeout: float) -> Any:
        self.asked.append(("dial", host, port, timeout))
        return _Wire(self.asked)


class _Wire:
    def __init__(self, sent: list[Any]) -> None:
        self._sent = sent

    def settimeout(self, _: float) -> None: ...
    def close(self) -> None: ...

    def sendall(self, data: bytes) -> None:
        self._sent.append(bytes(data) if data[:1] != b"\x16" else "a TLS hello")

    def makefile(self, *_: object, **__: object) -> Any:
        raise ConnectionResetError

    def recv(self, _: int) -> bytes:
        raise ConnectionResetError


def probed(value: dict[str, Any], _: Contents) -> Any:
    """Each probe's and hook's request, and when probes are tried and what comes of successes and failures."""
    record = record_of(converted(value))
    return [(c.name, _requests(record, c), list(_courses(c))) for c in record.spec.every_container()]


def _requests(record: PodRecord, container: Container) -> list[Any]:
    engine: Any = Recorder()
    target = probe.Target(engine=engine, container_id="x", container=container, record=record)
    for one in probing.probes(container).values():
        engine.asked.append(probe.failure(target, one))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(hooks, "sleep", lambda seconds: engine.asked.append(("sleep", seconds)))
        engine.call = lambda *words: engine.asked.append(words)
        try:
            hooks.post_start(engine, "x", container, record)
        except HookFailed as error:  # the wire is dead: what was sent is what counts
            engine.asked.append(type(error).__name__)
        hooks.pre_stop(engine, "x", container, record, 100.0)
    return [str(asked) for asked in engine.asked]


def _courses(container: Container) -> Iterator[Any]:
    """Sixty failures in a row; and a success after three failures, then two more successes."""
    for results in (["no"] * 60, ["no", "no", "no", "", "", "", "no", "no"]):
        state = ContainerState(name=container.name, role="main", state="running", started_at=0.0)
        run = probing.new_run(container, state, 0.0, 0.0, witnessed=True)
        for failure in results:
            due = run.due()
            if due is None:
                break
            run = probing.tried(run, due[1], failure, due[0], due[0])
            yield due, run.ready, run.live, run.started


def planned(value: dict[str, Any], contents: Contents) -> Any:
    """Where it goes, what it waits for, what becomes of pods that are there already."""
    workload: Workload = converted(value)
    key = workload.key
    wanted = desired(workload, of=NODES, hashes={key: "new"}, contents=tuple(contents.values()))
    progress = Progress(rollouts={key: _before()} if key.kind != "Pod" else {})
    plan = decide(wanted, Observed(_nodes(key)), progress, NOW)
    return (
        [_step(step.action) for step in plan.steps],
        [(wait.subject, wait.until) for wait in plan.waits],
        {str(k): (v.desired, v.updated, v.available) for k, v in plan.verdicts.items()},
        [(r.number, r.phase, [p.number for p in r.history]) for r in plan.progress.rollouts.values()],
    )


def _step(action: Any) -> Any:
    started = isinstance(action, StartPod)
    what = ([c.image for c in action.record.spec.containers], action.record.labels) if started else None
    return type(action).__name__, action.node, what


def _before() -> RolloutState:
    past = tuple(PastVersion(number=n, template_hash=f"h{n}", revision="r", at=0.0) for n in range(1, 7))
    return RolloutState(
        template_hash="h6", phase="complete", number=6, started_at=0.0, progressed_at=0.0, history=past
    )


def _nodes(owner: Key) -> list[NodeState]:
    pods: dict[str, list[PodState]] = {
        "a": [],
        "b": [_stranger("db", "default")],
        "c": [_stranger("web", "prod")],
        "d": [],
    }
    if owner.kind != "Pod":
        pods["a"] = [_own(owner, "old", n, 5.0) for n in range(3)]
        pods["b"].append(_own(owner, "new", 8, NOW - 5))
    return [
        NodeState(name=n, reachable=True, facts=FACTS, pod_cidr=f"10.42.{i}.0/24", pods=tuple(pods[n]))
        for i, n in enumerate("abcd")
    ]


def _stranger(name: str, namespace: str) -> PodState:
    pod = bare_pod(name)
    there = {"db": "b", "web": "c"}[name]
    record = replace(
        record_of(pod, there, "10.42.1.9"), namespace=namespace, owner=Key("Pod", namespace, name)
    )
    return PodState(record=record, phase="Running", ready=True, ready_since=1.0, created_at=1.0)


def _own(owner: Key, version: str, number: int, born: float) -> PodState:
    name = f"{owner.name}-{number}"
    node = "a" if version == "old" else "b"
    record = replace(
        record_of(bare_pod(name), node, f"10.42.0.{20 + number}"), owner=owner, template_hash=version
    )
    main = ContainerState(name="app", role="main", state="running", started_at=born, started=True, ready=True)
    return PodState(
        record=record, phase="Running", containers=(main,), ready=True, ready_since=born, created_at=born
    )


def tended(value: dict[str, Any], _: Contents) -> Any:
    """How it is stopped, and restarted when probes give it up; how long it stays on a node that is lost."""
    pod: Pod = converted(value)
    record = record_of(pod)
    sick = [
        PodState(record=record, phase="Running", containers=(_given_up("app", started=s),), created_at=NOW)
        for s in (True, False)
    ]
    ended = [replace(s.containers[0], state="exited", exit_code=1, live=True, finished_at=0.0) for s in sick]
    exits = [PodState(record=record, phase="Running", containers=(one,)) for one in ended]
    lost = NodeState(
        name="a", reachable=False, lost_since=NOW - 60, facts=FACTS, pods=(replace(sick[0], ready=True),)
    )
    others = [NodeState(name=n, reachable=True, facts=FACTS) for n in "bcd"]
    wanted = desired(pod, of=NODES, hashes={pod.key: "same"})
    plan = decide(wanted, Observed([lost, *others]), Progress(), NOW)
    return (
        [(c.need, c.grace) for c in (care(s, NOW) for s in (*sick, *exits))],
        [grace_of(s) for s in sick],
        [(type(s.action).__name__, s.action.node) for s in plan.steps],
        [(w.subject, w.until) for w in plan.waits],
    )


def _given_up(name: str, *, started: bool) -> ContainerState:
    return ContainerState(
        name=name, role="main", state="running", started_at=1.0, started=started, live=False
    )


def judged(value: dict[str, Any], _: Contents) -> Any:
    """What `validate` says of it."""
    return [str(said) for said in judge(value)[1]]


SCENES: dict[str, Callable[[dict[str, Any], Contents], Any]] = {
    "docker": on_docker,
    "probes": probed,
    "plan": planned,
    "care": tended,
    "judge": judged,
}


def contents_of(*values: dict[str, Any]) -> Contents:
    found: list[ConfigMap | Secret] = [converted(value) for value in values]
    return {one.key: one for one in found}
