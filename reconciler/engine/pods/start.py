"""Starting pods and containers. Every function may be repeated after a crash at any point."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.facts import read_facts
from reconciler.engine.pods import fill, hooks, image, nodeimage, owned, stop
from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.held import for_engine
from reconciler.engine.pods.hostaddress import host_ip
from reconciler.engine.pods.naming import network_name
from reconciler.engine.pods.pod import DockerContainer, DockerPod, images_to_ask, translate
from reconciler.engine.pods.resources import quality_of_service
from reconciler.engine.pods.subpaths import folders
from reconciler.errors import Conflict, ContainerFailed, EngineError, ImageUnavailable, StartFailed
from reconciler.model import labels
from reconciler.model.action import PodAction, RestartContainer, StartContainers, StartPod
from reconciler.model.desired import Contents
from reconciler.model.fleet import LogsSpec, NetworkSpec
from reconciler.model.observed import NodeFacts, PodRecord

_TASK_LEFT = re.compile(r"task ([0-9a-f]{64}): already exists")
"""A container that was started while its Engine ended: containerd keeps the task, it never starts again."""
_SLOW = 120.0
"""Seconds for creating or starting one container: a busy SD card takes its time."""


def start_pod(
    engine: Engine,
    fleet_name: str,
    action: StartPod,
    contents: Contents,
    facts: NodeFacts | None = None,
    network: NetworkSpec | None = None,
    ended: Container[str] = (),
    logs: LogsSpec | None = None,
) -> None:
    """Pull, fill volumes, create every container, start the first ones; what is there already is kept.

    `facts` are the node's where they are known; else they are asked for if the pod depends on them.
    `network` is the fleet's; None: there is none but the node's. `ended` containers have run for good.
    `logs`: how the fleet keeps what pods write.
    """
    record = action.record
    image.pull_always(engine, record, contents)
    place = Place(
        fleet=fleet_name,
        network=network_name(fleet_name),
        dns=network.dns if network and network.enabled else "",
        domain=(network or NetworkSpec()).cluster_domain,
        host_ip=host_ip(engine, record),
        facts=facts or _facts(engine, record),
        logs=logs or LogsSpec(),
    )
    pod = _translated(engine, record, contents, place)
    mountpoints = fill.prepare(engine, pod, fleet_name)
    due = (c for c in pod.containers if c.name not in ended)
    fresh = [c for c in due if _create(engine, c, pod, contents, mountpoints, fleet_name)]
    for container in first_ones(pod):
        if container in fresh:
            _start(engine, container.docker_name, record, container.name)
            hooks.post_start(engine, container.docker_name, container.container, record)


def start_containers(engine: Engine, fleet_name: str, action: StartContainers) -> None:
    """Start these in order; one that runs already stays as it is, Docker or somebody else was quicker.

    But one that runs in the namespaces of a sandbox of the past is started anew.
    """
    for name in action.containers:
        found = _find(engine, fleet_name, action, name)
        record = stop.record_of(found)
        if found["State"]["Running"]:
            if not _outlived_its_sandbox(engine, fleet_name, action, found):
                continue
            engine.call("POST", f"/containers/{found['Id']}/restart", params={"t": 1}, timeout=_SLOW)
        else:
            _start(engine, found["Id"], record, name)
        hooks.post_start(engine, found["Id"], hooks.container_of(record, name), record)


def restart_container(engine: Engine, fleet_name: str, action: RestartContainer) -> None:
    """preStop, stop within the grace period, start again."""
    found = _find(engine, fleet_name, action, action.container)
    record = stop.record_of(found)
    stop.stop_container(engine, fleet_name, found, record, action.grace)
    _start(engine, found["Id"], record, action.container)
    hooks.post_start(engine, found["Id"], hooks.container_of(record, action.container), record)


def first_ones(pod: DockerPod) -> Iterator[DockerContainer]:
    """The sandbox and the main ones; with init containers the first of those, and sidecars before it.

    Kubernetes: what follows a sidecar waits until it has started, so its startup probe ends the list, too.
    """
    has_init = bool(pod.record.spec.init_containers)
    for container in pod.containers:
        yield container
        spec = container.container
        if has_init and spec is not None and (container.role == "init" or spec.startup_probe is not None):
            return
        if container.role == "sidecar" and _last_sidecar(pod, container):
            return


def _last_sidecar(pod: DockerPod, container: DockerContainer) -> bool:
    return container.name == pod.record.spec.init_containers[-1].name


def _facts(engine: Engine, record: PodRecord) -> NodeFacts:
    """Resource fields and the order in which the kernel kills depend on the node's size."""
    asks = b"resourceFieldRef" in msgspec.json.encode(record.spec)
    if asks or quality_of_service(record.spec) == "Burstable":
        return read_facts(engine)
    return NodeFacts()


def _translated(engine: Engine, record: PodRecord, contents: Contents, place: Place) -> DockerPod:
    users = image.users(engine, record, contents, images_to_ask(record))
    sandbox_image = nodeimage.ensure(engine) if record.spec.needs_sandbox else ""
    return translate(record, contents, place, users, sandbox_image)


def _create(
    engine: Engine,
    container: DockerContainer,
    pod: DockerPod,
    contents: Contents,
    mountpoints: dict[str, str],
    fleet_name: str,
) -> bool:
    """Whether it has not been started yet. A container of that name must be ours and of the same pod."""
    ways = folders(c.body for c in pod.containers)
    body = for_engine(container.body, engine.api_version, mountpoints, ways)
    params = {"name": container.docker_name}
    with about(engine, pod.record, container.name):
        try:
            engine.call("POST", "/containers/create", params=params, body=body, timeout=_SLOW)
        except ImageUnavailable:
            if container.container is None:
                raise
            image.fetch_missing(engine, container.container, pod.record, contents)
            engine.call("POST", "/containers/create", params=params, body=body, timeout=_SLOW)
        except Conflict:
            return _adopted(engine, container, pod, fleet_name)
    return True


def _adopted(engine: Engine, container: DockerContainer, pod: DockerPod, fleet_name: str) -> bool:
    found = owned.inspect(engine, fleet_name, container.docker_name)
    mine = container.body["Labels"]
    theirs = found["Config"].get("Labels") or {}
    if any(theirs.get(key) != mine[key] for key in (labels.POD, labels.CONTAINER, labels.TEMPLATE_HASH)):
        raise Conflict(
            "an older version of this pod is still there", node=engine.node, remedy="stop it first"
        )
    return bool(found["State"]["Status"] == "created")


def _start(engine: Engine, container: str, record: PodRecord, name: str) -> None:
    with about(engine, record, name):
        try:
            engine.call("POST", f"/containers/{container}/start", timeout=_SLOW)
        except EngineError as error:
            if task := _TASK_LEFT.search(error.message):
                owned.remove_container(engine, task[1])
                raise StartFailed(
                    error.message, node=engine.node, remedy="it was removed, and is made anew"
                ) from error
            if not isinstance(error, ContainerFailed):
                raise
            remedy = error.remedy or _remedy(error.message)
            raise StartFailed(error.message, node=engine.node, remedy=remedy) from error


def _remedy(message: str) -> str:
    if "exec format error" in message:
        return "the image is built for another architecture than this node's: build it for this one, too"
    missing = "executable file not found" in message or "no such file or directory" in message
    if missing and "exec" in message:
        return "check command and args against what is in the image"
    return ""


def _find(engine: Engine, fleet_name: str, action: PodAction, name: str) -> dict[str, Any]:
    """By the labels' pod and container, so that a container somebody renamed is found as well."""
    wanted = {"namespace": action.namespace, "pod": action.pod}
    for summary in owned.list_containers(engine, fleet_name, **wanted):
        if summary["Labels"].get(labels.CONTAINER) == name and summary["Labels"].get(labels.ROLE) != "helper":
            found: dict[str, Any] = engine.call("GET", f"/containers/{summary['Id']}/json")
            return found
    raise EngineError(f"no container {name}", node=engine.node, where=f"{action.key}")


def _outlived_its_sandbox(engine: Engine, fleet_name: str, action: PodAction, found: dict[str, Any]) -> bool:
    """The sandbox was restarted after this container had been started."""
    wanted = {"namespace": action.namespace, "pod": action.pod}
    for summary in owned.list_containers(engine, fleet_name, **wanted):
        if summary["Labels"].get(labels.ROLE) == "sandbox":
            sandbox = engine.call("GET", f"/containers/{summary['Id']}/json")
            since, began = (owned.epoch(c["State"]["StartedAt"]) for c in (sandbox, found))
            return since is not None and began is not None and began < since
    return False


@contextmanager
def about(engine: Engine, record: PodRecord, container: str) -> Iterator[None]:
    """Says of a failure which pod and container it is about."""
    try:
        yield
    except EngineError as error:
        error.where = f"{record.key}, container {container}, on node {engine.node}"
        raise
