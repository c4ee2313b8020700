"""Making a pod's volumes and putting its files into them, before any of its containers is there.

Docker can unpack a tar into a container that was never started. So a helper container of the node image,
which mounts every volume of the pod read-write, gets one tar with all directories and files, and goes. No
program runs, read-only mounts and root file systems of the pod don't matter, and it costs three calls.

An engine with userns-remap unpacks for the users that it maps. A pod that has the node's own all the same
(`namespaces.has_host_users`) has their owners set right by a program in the helper, as the node's root.

Podman mounts no volume into a container that doesn't run: there the helper does, for as long as it takes.
"""

from __future__ import annotations

from time import time
from typing import Any

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods import hostpaths, owned
from reconciler.engine.pods.files import File, tarball
from reconciler.engine.pods.helper import helper, run
from reconciler.engine.pods.namespaces import has_host_users
from reconciler.engine.pods.naming import HELPER_ROLE, object_labels
from reconciler.engine.pods.pod import DockerPod
from reconciler.engine.pods.volumes import DockerVolume
from reconciler.errors import EngineError, VolumeFailed
from reconciler.model import labels
from reconciler.model.observed import PodRecord

_ROOT = "v"
"""The helper mounts volume N of the pod at /v/N."""
_SECONDS = 120.0


def prepare(engine: Engine, pod: DockerPod, fleet_name: str) -> dict[str, str]:
    """Create and fill the pod's volumes; volume name -> its directory on the node.

    One that a container of the pod mounts has been filled: its programs may have changed it since. One that
    none mounts is filled, again if need be: it may have been taken by a prune and made anew.
    """
    if not pod.volumes and not pod.host_paths:
        return {}
    found = _containers(engine, pod.record, fleet_name)
    if not found:
        hostpaths.check(engine, fleet_name, pod.record, pod.host_paths)
    mountpoints = {v.name: _create(engine, v, pod.record, fleet_name) for v in pod.volumes}
    mounted = {m.get("Name") for c in found for m in c.get("Mounts") or []}
    _fill(engine, pod, [v for v in pod.volumes if v.mode is not None and v.name not in mounted], fleet_name)
    return mountpoints


def _create(engine: Engine, volume: DockerVolume, record: PodRecord, fleet_name: str) -> str:
    body = {
        "Name": volume.name,
        "Driver": "local",
        "DriverOpts": volume.options,
        "Labels": object_labels(fleet_name, record),
    }
    try:
        made = engine.call("POST", "/volumes/create", body=body)
    except EngineError as error:
        raise VolumeFailed(
            error.message, node=engine.node, where=f"{record.key}, volume {volume.name}"
        ) from error
    if (made.get("Labels") or {}).get(labels.FLEET) != fleet_name:
        raise VolumeFailed(
            f"a volume \"{volume.name}\" is there that isn't this fleet's",
            node=engine.node,
            where=str(record.key),
            remedy=f"remove it on the node: docker volume rm {volume.name}",
        )
    return str(made["Mountpoint"])


def _containers(engine: Engine, record: PodRecord, fleet_name: str) -> list[dict[str, Any]]:
    found = owned.list_containers(engine, fleet_name, namespace=record.namespace, pod=record.name)
    return [c for c in found if c["Labels"].get(labels.ROLE) != HELPER_ROLE]


def _fill(engine: Engine, pod: DockerPod, volumes: list[DockerVolume], fleet_name: str) -> None:
    if not volumes:
        return
    mounts = [
        {"Type": "volume", "Source": v.name, "Target": f"/{_ROOT}/{n}", "VolumeOptions": {"NoCopy": True}}
        for n, v in enumerate(volumes)
    ]
    if has_host_users(pod.record.spec) and maps_users(engine):
        with helper(engine, fleet_name, pod.record, mounts, _owners(volumes), writes=True) as container:
            engine.upload(container, "/", _tar(volumes))
            if code := run(engine, container, _SECONDS):
                message = f"giving its volumes their owners ended with exit code {code}"
                raise VolumeFailed(message, node=engine.node, where=str(pod.record.key))
        return
    waits = f"sleep {_SECONDS:.0f}" if engine.is_podman else ""
    with helper(engine, fleet_name, pod.record, mounts, waits, writes=True) as container:
        if waits:
            engine.call("POST", f"/containers/{container}/start", timeout=_SECONDS)
        engine.upload(container, "/", _tar(volumes))


def maps_users(engine: Engine) -> bool:
    """Whether the engine runs with userns-remap."""
    return "name=userns" in (engine.call("GET", "/info").get("SecurityOptions") or ())


def _owners(volumes: list[DockerVolume]) -> str:
    """Everything in a fresh volume is root's and of one group."""
    return " && ".join(f"chown -R 0:{v.group} /{_ROOT}/{n}" for n, v in enumerate(volumes))


def _tar(volumes: list[DockerVolume]) -> bytes:
    directories: list[tuple[str, int, int]] = []
    files: list[tuple[str, File, int]] = []
    for n, volume in enumerate(volumes):
        root, mode = f"{_ROOT}/{n}", volume.mode or 0
        directories.append((root, mode, volume.group))
        directories += [(f"{root}/{d}", mode, volume.group) for d in _with_parents(volume.directories)]
        files += [(f"{root}/{f.path}", f, volume.group) for f in volume.files]
    return tarball(directories, files, time())


def _with_parents(directories: tuple[str, ...]) -> list[str]:
    parts = [d.split("/") for d in directories]
    return list(dict.fromkeys("/".join(p[:n]) for p in parts for n in range(1, len(p) + 1)))
