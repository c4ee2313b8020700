"""A pod's volumes as Docker volumes, and its volumeMounts as Docker mounts. Pure.

Docker volumes carry our labels and live as long as the pod. A subPath is written as Docker 26 (API 1.45)
wants it; `without_subpath` turns it into a bind of the directory inside the volume for older Engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from reconciler.engine.pods.downward import Place
from reconciler.engine.pods.expand import expand
from reconciler.engine.pods.files import DIRECTORY_MODE, GROUP_READ, SETGID, File, volume_files
from reconciler.engine.pods.naming import volume_name
from reconciler.engine.pods.unfit import Unfit
from reconciler.model.base import Value
from reconciler.model.container import Container, VolumeMount
from reconciler.model.desired import Contents
from reconciler.model.observed import PodRecord
from reconciler.model.quantity import whole
from reconciler.model.volume import EmptyDirVolumeSource, HostPathVolumeSource, NFSVolumeSource, Volume

EMPTY_DIR_MODE = 0o777
_PROPAGATION = {"None": "", "HostToContainer": "rslave", "Bidirectional": "rshared"}
_CREATED_BY_DOCKER = ("", "DirectoryOrCreate")
SUBPATH_API = (1, 45)
"""The first Engine API version with VolumeOptions.Subpath (Docker 26)."""


class DockerVolume(Value):
    """One to create. With a `mode` it is filled once: its root gets mode and group, then directories,
    files.
    """

    name: str
    options: dict[str, str] = {}
    mode: int | None = None
    group: int = 0
    directories: tuple[str, ...] = ()
    files: tuple[File, ...] = ()


class Mounts(Value):
    """HostConfig's `Mounts` and `Binds` of one container."""

    mounts: tuple[dict[str, Any], ...] = ()
    binds: tuple[str, ...] = ()


def docker_volumes(
    record: PodRecord, contents: Contents, place: Place, environments: Mapping[str, Mapping[str, str]]
) -> tuple[DockerVolume, ...]:
    """Those that a container mounts. `environments`: container name -> its environment, for subPathExpr.

    Raises `Unfit` for a ConfigMap or Secret that is missing, mounted or not (Kubernetes waits for each).
    """
    files = {v.name: volume_files(v, record, contents, place) for v in record.spec.volumes}
    wanted: dict[str, DockerVolume] = {}
    for container in record.spec.every_container():
        for mount in container.volume_mounts:
            volume = _volume(mount, record)
            if volume.host_path is not None:
                continue
            sub_path = _sub_path(mount, environments[container.name])
            made = _docker_volume(volume, sub_path, files[volume.name], record, place)
            wanted[made.name] = _merged(wanted.get(made.name), made)
    return tuple(wanted.values())


def mounts(container: Container, record: PodRecord, place: Place, environment: Mapping[str, str]) -> Mounts:
    """What `container` mounts, in its order."""
    found: list[dict[str, Any]] = []
    binds: list[str] = []
    for mount in container.volume_mounts:
        volume = _volume(mount, record)
        sub_path = _sub_path(mount, environment)
        if volume.host_path is None:
            found.append(_volume_mount(mount, volume, sub_path, record, place))
        elif (
            volume.host_path.type in _CREATED_BY_DOCKER
            and ":" not in volume.host_path.path + mount.mount_path
        ):
            binds.append(_bind(mount, volume.host_path, sub_path))
        else:
            found.append(_bind_mount(mount, volume.host_path, sub_path))
    return Mounts(mounts=tuple(found), binds=tuple(binds))


def checked_host_paths(record: PodRecord) -> tuple[HostPathVolumeSource, ...]:
    """Host paths whose type must be looked at before the pod is made (the Engine only creates
    directories).
    """
    sources = (v.host_path for v in record.spec.volumes if v.host_path is not None)
    return tuple(s for s in sources if s.type not in _CREATED_BY_DOCKER)


def without_subpath(mount: Mapping[str, Any], mountpoints: Mapping[str, str]) -> dict[str, Any]:
    """The same mount for an Engine before API 1.45. `mountpoints`: volume name -> its directory on the
    node.
    """
    options = mount.get("VolumeOptions", {})
    if not options.get("Subpath"):
        return dict(mount)
    source = f"{mountpoints[mount['Source']]}/{options['Subpath']}"
    return {"Type": "bind", "Source": source, "Target": mount["Target"], "ReadOnly": mount["ReadOnly"]}


def _volume(mount: VolumeMount, record: PodRecord) -> Volume:
    for volume in record.spec.volumes:
        if volume.name == mount.name:
            return volume
    raise Unfit(f'volumeMounts: no volume "{mount.name}" in the pod')


def _sub_path(mount: VolumeMount, environment: Mapping[str, str]) -> str:
    if not mount.sub_path_expr:
        path = mount.sub_path
    else:
        path = expand(mount.sub_path_expr, environment)
        if "$(" in path:
            raise Unfit(
                f'subPathExpr "{mount.sub_path_expr}" names a variable that the container has not got'
            )
    if path.startswith("/") or ".." in path.split("/"):
        raise Unfit(f'subPath "{path}" must be relative and without ".."')
    return "/".join(p for p in path.split("/") if p not in ("", "."))


def _docker_volume(
    volume: Volume, sub_path: str, files: tuple[File, ...] | None, record: PodRecord, place: Place
) -> DockerVolume:
    group = record.spec.security_context.fs_group
    name = _name(volume, sub_path, record, place)
    if files is not None:
        paths = {f.path for f in files} | {parent for f in files for parent in _above(f.path)}
        return DockerVolume(
            name=name,
            mode=DIRECTORY_MODE if group is None else DIRECTORY_MODE | SETGID,
            group=group or 0,
            files=files if group is None else tuple(_readable_by_group(f) for f in files),
            directories=(sub_path,) if sub_path and sub_path not in paths else (),
        )
    if volume.nfs is not None:
        return DockerVolume(name=name, options=_nfs_options(volume.nfs, sub_path))
    return _empty_dir(name, volume.empty_dir or EmptyDirVolumeSource(), group, sub_path)


def _empty_dir(name: str, source: EmptyDirVolumeSource, group: int | None, sub_path: str) -> DockerVolume:
    mode = EMPTY_DIR_MODE if group is None else EMPTY_DIR_MODE | SETGID
    if source.medium != "Memory":
        return DockerVolume(
            name=name, mode=mode, group=group or 0, directories=(sub_path,) if sub_path else ()
        )
    options = [f"mode={mode:o}"]
    options += [] if group is None else [f"gid={group}"]
    options += [] if source.size_limit is None else [f"size={whole(source.size_limit)}"]
    return DockerVolume(name=name, options={"type": "tmpfs", "device": "tmpfs", "o": ",".join(options)})


def _nfs_options(source: NFSVolumeSource, sub_path: str) -> dict[str, str]:
    """A subPath is part of the mounted path: only the kernel sees inside the volume."""
    device = f":{source.path.rstrip('/')}/{sub_path}" if sub_path else f":{source.path}"
    flags = f"addr={source.server},nfsvers=4,{'ro' if source.read_only else 'rw'}"
    return {"type": "nfs", "device": device, "o": flags}


def _name(volume: Volume, sub_path: str, record: PodRecord, place: Place) -> str:
    part = sha256(sub_path.encode()).hexdigest()[:8] if volume.nfs is not None and sub_path else ""
    return volume_name(place.fleet, record.namespace, record.name, volume.name, part)


def _readable_by_group(file: File) -> File:
    return File(path=file.path, data=file.data, mode=file.mode | GROUP_READ)


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:n]) for n in range(1, len(parts))]


def _merged(old: DockerVolume | None, new: DockerVolume) -> DockerVolume:
    """The same volume mounted twice, by different subPaths."""
    if old is None:
        return new
    directories = tuple(dict.fromkeys((*old.directories, *new.directories)))
    return DockerVolume(
        name=old.name,
        options=old.options,
        mode=old.mode,
        group=old.group,
        directories=directories,
        files=old.files,
    )


def _volume_mount(
    mount: VolumeMount, volume: Volume, sub_path: str, record: PodRecord, place: Place
) -> dict[str, Any]:
    options: dict[str, Any] = {"NoCopy": True}
    if sub_path and volume.nfs is None:
        options["Subpath"] = sub_path
        if volume.empty_dir is not None and volume.empty_dir.medium == "Memory":
            raise Unfit(
                f'subPath "{sub_path}" of "{volume.name}": an emptyDir in memory can only be mounted whole'
            )
    return {
        "Type": "volume",
        "Source": _name(volume, sub_path, record, place),
        "Target": _absolute(mount.mount_path),
        "ReadOnly": mount.read_only or _is_read_only(volume),
        "VolumeOptions": options,
    }


def _is_read_only(volume: Volume) -> bool:
    """Kubernetes mounts what it writes itself read-only."""
    written = (volume.config_map, volume.secret, volume.projected, volume.downward_api)
    return any(s is not None for s in written) or bool(volume.nfs and volume.nfs.read_only)


def _bind(mount: VolumeMount, source: HostPathVolumeSource, sub_path: str) -> str:
    """Docker makes a missing directory for a `Binds` entry, for a `Mounts` one it doesn't."""
    flags = ["ro"] if mount.read_only else []
    flags += [_PROPAGATION[mount.mount_propagation]] if mount.mount_propagation != "None" else []
    text = f"{_joined(source.path, sub_path)}:{_absolute(mount.mount_path)}"
    return f"{text}:{','.join(flags)}" if flags else text


def _bind_mount(mount: VolumeMount, source: HostPathVolumeSource, sub_path: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "Type": "bind",
        "Source": _joined(source.path, sub_path),
        "Target": _absolute(mount.mount_path),
        "ReadOnly": mount.read_only,
    }
    if mount.mount_propagation != "None":
        body["BindOptions"] = {"Propagation": _PROPAGATION[mount.mount_propagation]}
    return body


def _joined(path: str, sub_path: str) -> str:
    return f"{path.rstrip('/')}/{sub_path}" if sub_path else path


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
