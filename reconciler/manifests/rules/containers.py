"""Rules about one container: its image, environment, ports and mounts."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import forms, metadata, probes, resources
from reconciler.manifests.said import Said, shown
from reconciler.model.container import Container, EnvVar
from reconciler.model.image_reference import parse
from reconciler.model.pod import PodSpec

FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "metadata.labels",
        "metadata.annotations",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    }
)
"""Kubernetes: what a fieldRef may name; labels and annotations also by key."""
_ENV_FIELDS = FIELDS - {"metadata.labels", "metadata.annotations"}


def check(
    container: Container, path: Path, spec: PodSpec, declared: frozenset[str], *, init: bool
) -> Iterator[Said]:
    yield from metadata.notes(container, path)
    yield from _image(container, path)
    yield from _program(container, path)
    yield from _environment(container, path)
    yield from _ports(container, path)
    yield from _mounts(container, path, declared)
    yield from resources.check(container, (*path, "resources"))
    yield from probes.check(container, path)
    if init:
        yield from _init(container, path)
    elif container.restart_policy is not None:
        message = "is for init containers only"
        yield Said(
            (*path, "restartPolicy"), message, "set it on the pod, or move the container", rule="sidecar"
        )


def _image(container: Container, path: Path) -> Iterator[Said]:
    try:
        image = parse(container.image)
    except ValueError as error:
        message = f"expected an image, found {shown(container.image)}: {error}"
        yield Said((*path, "image"), message, "write it as registry/name:tag", rule="image")
        return
    if image.tag == "latest" and not image.digest:
        which = "latest" if container.image.endswith(":latest") else "no tag"
        yield Said(
            (*path, "image"),
            f"{container.image} has {which}: what runs depends on when it was pulled",
            "name a version, so that every node runs the same and git revert brings it back",
            severity="warning",
            rule="image-tag",
        )


def _program(container: Container, path: Path) -> Iterator[Said]:
    for field, given in (("command", container.command), ("args", container.args)):
        for index, text in enumerate(given):
            yield from forms.argument(text, (*path, field, index))
    if container.working_dir:
        yield from forms.path_text(container.working_dir, (*path, "workingDir"))
        if not container.working_dir.startswith("/"):
            message = f"expected an absolute path, found {shown(container.working_dir)}"
            yield Said((*path, "workingDir"), message, "start it with /", rule="path")
    if container.lifecycle.stop_signal is not None:
        yield from forms.signal(container.lifecycle.stop_signal, (*path, "lifecycle", "stopSignal"))


def _environment(container: Container, path: Path) -> Iterator[Said]:
    for index, variable in enumerate(container.env):
        yield from forms.variable(variable.name, (*path, "env", index, "name"))
        yield from forms.argument(variable.value, (*path, "env", index, "value"))
        if variable.value_from is not None:
            yield from _value_from(variable, (*path, "env", index))
    for index, source in enumerate(container.env_from):
        if (source.config_map_ref is None) == (source.secret_ref is None):
            yield one_of((*path, "envFrom", index), "configMapRef, secretRef")
        if source.prefix:
            yield from forms.variable(source.prefix, (*path, "envFrom", index, "prefix"))


def _value_from(variable: EnvVar, path: Path) -> Iterator[Said]:
    source = variable.value_from
    assert source is not None
    if variable.value:
        yield Said(path, "has both value and valueFrom", "keep one of the two", rule="env")
    given = (source.field_ref, source.resource_field_ref, source.config_map_key_ref, source.secret_key_ref)
    if sum(one is not None for one in given) != 1:
        yield one_of((*path, "valueFrom"), "configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef")
    if source.resource_field_ref:
        yield from resources.field(source.resource_field_ref, (*path, "valueFrom", "resourceFieldRef"))
    if source.field_ref:
        yield from field_path(source.field_ref.field_path, _ENV_FIELDS, (*path, "valueFrom", "fieldRef"))


def field_path(found: str, allowed: frozenset[str], path: Path) -> Iterator[Said]:
    """Is `found` a field of a pod that a container may read?"""
    base, bracket, _ = found.partition("[")
    by_key = bracket and base in ("metadata.labels", "metadata.annotations") and found.endswith("']")
    if found not in allowed and not by_key:
        yield Said(
            (*path, "fieldPath"),
            f"expected a field of the pod, found {shown(found)}",
            f"known are {', '.join(sorted(allowed))}, metadata.labels['key'], metadata.annotations['key']",
            rule="field-path",
        )


def one_of(path: Path, choices: str) -> Said:
    return Said(path, f"expected exactly one of {choices}", "keep one", rule="one-of")


def _ports(container: Container, path: Path) -> Iterator[Said]:
    names: set[str] = set()
    numbers: set[tuple[int, str]] = set()
    for index, port in enumerate(container.ports):
        at = (*path, "ports", index)
        if port.host_ip:
            yield from forms.address(port.host_ip, (*at, "hostIP"))
        if port.name and port.name in names:
            yield Said(
                (*at, "name"), f'a second port is called "{port.name}"', "rename one", rule="duplicate"
            )
        if (port.container_port, port.protocol) in numbers:
            message = f"port {port.container_port}/{port.protocol} stands here twice"
            yield Said((*at, "containerPort"), message, "remove one", severity="warning", rule="duplicate")
        names.add(port.name)
        numbers.add((port.container_port, port.protocol))


def _mounts(container: Container, path: Path, declared: frozenset[str]) -> Iterator[Said]:
    seen: set[str] = set()
    for index, mount in enumerate(container.volume_mounts):
        at = (*path, "volumeMounts", index)
        if mount.name not in declared:
            known = f"declared are {', '.join(sorted(declared))}" if declared else "declare it in volumes"
            yield Said((*at, "name"), f'no volume is called "{mount.name}"', known, rule="mount")
        if not mount.mount_path or ":" in mount.mount_path:
            found = shown(mount.mount_path)
            message = f"expected a path without ':', found {found}"
            yield Said((*at, "mountPath"), message, "write it as /data", rule="mount")
        elif not mount.mount_path.strip("/."):
            message = f"expected a path below /, found {shown(mount.mount_path)}"
            yield Said((*at, "mountPath"), message, "it would hide the whole image", rule="mount")
        yield from forms.path_text(mount.mount_path, (*at, "mountPath"))
        if mount.mount_path in seen:
            message = f"{mount.mount_path} is mounted twice"
            yield Said((*at, "mountPath"), message, "use another path", rule="mount")
        seen.add(mount.mount_path)
        if mount.sub_path or mount.sub_path_expr:
            yield from _sub_path(mount.sub_path, mount.sub_path_expr, at)


def _sub_path(plain: str, expression: str, path: Path) -> Iterator[Said]:
    if plain and expression:
        yield one_of(path, "subPath, subPathExpr")
    name = "subPath" if plain else "subPathExpr"
    yield from inside(plain or expression, (*path, name))


def whole_mounts(container: Container, path: Path, in_memory: frozenset[str]) -> Iterator[Said]:
    """A volume in memory is a tmpfs of its own, of which Docker mounts no part."""
    for index, mount in enumerate(container.volume_mounts):
        if mount.name in in_memory and (mount.sub_path or mount.sub_path_expr):
            message = f"{mount.name} is an emptyDir in memory, which can only be mounted whole"
            at = (*path, "volumeMounts", index, "subPath" if mount.sub_path else "subPathExpr")
            yield Said(at, message, "leave subPath out, or medium: Memory", rule="mount")


def propagated(container: Container, path: Path, host_paths: frozenset[str]) -> Iterator[Said]:
    """Only a bind mount hands later mounts on."""
    for index, mount in enumerate(container.volume_mounts):
        if mount.mount_propagation != "None" and mount.name not in host_paths:
            why = "has no effect: Docker propagates mounts of a hostPath only"
            at = (*path, "volumeMounts", index, "mountPropagation")
            yield Said(at, why, severity="note", rule="no-effect")


def inside(text: str, path: Path) -> Iterator[Said]:
    """A relative path that stays where it is."""
    if text.startswith("/") or ".." in text.split("/"):
        message = f"expected a relative path without '..', found {shown(text)}"
        yield Said(path, message, "write it as folder/file", rule="mount")
    yield from forms.path_text(text, path)


def _init(container: Container, path: Path) -> Iterator[Said]:
    """Kubernetes: only sidecars have probes and hooks before the pod runs."""
    if container.restart_policy == "Always":
        return
    for name, probe in (
        ("livenessProbe", container.liveness_probe),
        ("readinessProbe", container.readiness_probe),
        ("startupProbe", container.startup_probe),
        ("lifecycle", container.lifecycle if container.lifecycle != type(container.lifecycle)() else None),
    ):
        if probe is not None:
            yield Said(
                (*path, name),
                "isn't allowed on an init container, which ends before the pod is ready",
                "remove it, or make the container a sidecar with restartPolicy: Always",
                rule="sidecar",
            )
