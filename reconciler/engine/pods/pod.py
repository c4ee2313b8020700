"""A pod as Docker objects: what to create, in which order. Pure.

One container where one is enough: it has the pod's IP and hostname itself. Several share a sandbox, which
owns the network and IPC namespaces (and with shareProcessNamespace the PID one) and which all the others
join.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from reconciler.engine.pods import body, volumes
from reconciler.engine.pods.body import Body
from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.env import environment
from reconciler.engine.pods.held import sandbox_mounts
from reconciler.engine.pods.naming import container_name, sandbox_name
from reconciler.engine.pods.security import needs_image_user
from reconciler.engine.pods.unfit import Unfit
from reconciler.errors import ContainerConfigInvalid
from reconciler.model.base import Value
from reconciler.model.container import Container
from reconciler.model.desired import Contents
from reconciler.model.labels import SANDBOX_NAME
from reconciler.model.observed import PodRecord, Role
from reconciler.model.volume import HostPathVolumeSource


class DockerContainer(Value):
    """One to create: `body` is what POST /containers/create takes. `name` is its name in the pod.

    `container` is None for the sandbox.
    """

    name: str
    role: Role
    docker_name: str
    body: Body
    container: Container | None = None

    def __repr__(self) -> str:
        """Never the body: its environment may hold a Secret's values."""
        return f"DockerContainer({self.docker_name}, {self.role})"


class DockerPod(Value):
    """Everything of one pod, containers in the order in which they start."""

    record: PodRecord
    containers: tuple[DockerContainer, ...]
    volumes: tuple[volumes.DockerVolume, ...] = ()
    host_paths: tuple[HostPathVolumeSource, ...] = ()


def roles(record: PodRecord) -> Iterator[tuple[str, Role, Container | None]]:
    """Name, role and spec of every container that the pod has, in starting order."""
    spec = record.spec
    if spec.needs_sandbox:
        yield SANDBOX_NAME, "sandbox", None
    for init in spec.init_containers:
        yield init.name, "sidecar" if init.restart_policy == "Always" else "init", init
    for main in spec.containers:
        yield main.name, "main", main


def docker_name(fleet: str, record: PodRecord, name: str, role: Role) -> str:
    if role == "sandbox":
        return sandbox_name(fleet, record.namespace, record.name)
    return container_name(fleet, record.namespace, record.name, name)


def images_to_ask(record: PodRecord) -> frozenset[str]:
    """Images whose user must be known before `translate` (runAsNonRoot, a group without a user)."""
    pod = record.spec.security_context
    return frozenset(c.image for c in record.spec.every_container() if needs_image_user(c, pod))


def translate(
    record: PodRecord, contents: Contents, place: Place, image_users: Mapping[str, str], sandbox_image: str
) -> DockerPod:
    """`image_users`: image -> its user, for those of `images_to_ask`; `sandbox_image` is the node image's
    tag.

    Raises `ContainerConfigInvalid` naming the pod, the container and what can't be honoured.
    """
    environments: dict[str, dict[str, str]] = {}
    for one in record.spec.every_container():
        with _about(record, one.name):
            environments[one.name] = environment(one, record, contents, place)
    made: list[DockerContainer] = []
    for name, role, container in roles(record):
        if container is not None:
            with _about(record, name):
                user = image_users.get(container.image, "")
                content = body.container(container, role, record, place, environments[name], user)
            made.append(_container(record, place, name, role, content, container))
    with _about(record):
        mounted = volumes.docker_volumes(record, contents, place, environments)
        if record.spec.needs_sandbox:
            content = body.sandbox(record, place, sandbox_image, sandbox_mounts(mounted))
            made.insert(0, _container(record, place, SANDBOX_NAME, "sandbox", content))
        return DockerPod(
            record=record,
            containers=tuple(made),
            volumes=mounted,
            host_paths=volumes.checked_host_paths(record),
        )


def _container(
    record: PodRecord, place: Place, name: str, role: Role, content: Body, container: Container | None = None
) -> DockerContainer:
    full_name = docker_name(place.fleet, record, name, role)
    return DockerContainer(name=name, role=role, docker_name=full_name, body=content, container=container)


@contextmanager
def _about(record: PodRecord, container: str = "") -> Iterator[None]:
    """Says which pod and container are meant."""
    try:
        yield
    except Unfit as error:
        where = f"{record.key}, container {container}" if container else str(record.key)
        raise ContainerConfigInvalid(str(error), node=record.node, where=where) from error
