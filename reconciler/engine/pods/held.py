"""What keeps a pod's volumes from being pruned, and which of them have vanished all the same. Pure.

Docker counts a volume as used when a container mounts it. In a pod with several containers the sandbox mounts
all of them: also those of init containers that have ended, and of containers still to come. A pod's only
container mounts them itself. But Engines before 26 know a subPath only as a bind of a directory,
which counts for nothing (`docker volume prune` takes the volume): there the container gets the whole volume
as well, at a place that is masked as /proc/kcore is, so that its program sees no more than the subPath.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from reconciler.engine.pods.naming import volume_name
from reconciler.engine.pods.subpaths import guards, subpath_of
from reconciler.engine.pods.volumes import SUBPATH_API, DockerVolume, without_subpath
from reconciler.model.observed import ContainerState, PodRecord

_HELD = "/.reconciler"
MASKED = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
"""What Docker before 26 masks by itself (moby, oci/defaults.go): a list of ours replaces it."""


def sandbox_mounts(volumes: tuple[DockerVolume, ...]) -> list[dict[str, Any]]:
    """All that hold data on the node; a share of another machine loses nothing by a prune."""
    held = [v for v in volumes if v.options.get("type") != "nfs"]
    return [_held(v.name, n) for n, v in enumerate(held)]


def for_engine(
    body: dict[str, Any],
    api_version: str,
    mountpoints: Mapping[str, str],
    ways: Mapping[str, Collection[str]],
) -> dict[str, Any]:
    """`body` as this Engine takes it. `mountpoints`: volume name -> its directory on the node; `ways`: see
    `subpaths.folders`.
    """
    host = body["HostConfig"]
    mounts = host.get("Mounts") or []
    if tuple(int(n) for n in api_version.split(".")) >= SUBPATH_API or not any(ways.values()):
        return body
    by_subpath = [m for m in mounts if subpath_of(m)]
    more: dict[str, Any] = {"Mounts": [without_subpath(m, mountpoints) for m in mounts]}
    more["Mounts"] += guards(mounts, ways, mountpoints)
    whole = {m["Source"] for m in mounts if m not in by_subpath}
    alone = not str(host.get("NetworkMode", "")).startswith("container:")
    if alone and (unheld := sorted({m["Source"] for m in by_subpath} - whole)):
        holds = [_held(name, n) for n, name in enumerate(unheld)]
        more["Mounts"] += holds
        more["MaskedPaths"] = [*host.get("MaskedPaths", MASKED), *(m["Target"] for m in holds)]
    return {**body, "HostConfig": {**host, **more}}


def vanished(
    record: PodRecord, fleet: str, containers: tuple[ContainerState, ...], there: frozenset[str]
) -> tuple[str, ...]:
    """Volumes of the pod, by its names for them, that were lost with what was in them; `there` are the
    fleet's Docker volumes. Files of a ConfigMap or the like that no container has mounted yet aren't: they
    are made anew with the container. All volumes of a pod are made before its first container.
    """
    states = {c.name: c.state for c in containers}
    if all(state == "absent" for state in states.values()):
        return ()
    return tuple(
        volume.name
        for volume in record.spec.volumes
        if volume.host_path is None and volume.nfs is None
        if volume_name(fleet, record.namespace, record.name, volume.name) not in there
        if (users := list(_users(record, containers, volume.name)))
        if volume.empty_dir is not None or any(states.get(name, "absent") != "absent" for name in users)
    )


def _users(record: PodRecord, containers: tuple[ContainerState, ...], volume: str) -> Iterator[str]:
    """Containers that mount it, without init containers once the others have begun."""
    begun = any(c.role == "main" and c.started_at is not None for c in containers)
    over = {c.name for c in containers if c.role == "init" and begun}
    for container in record.spec.every_container():
        if container.name not in over and any(m.name == volume for m in container.volume_mounts):
            yield container.name


def _held(volume: str, number: int) -> dict[str, Any]:
    return {
        "Type": "volume",
        "Source": volume,
        "Target": f"{_HELD}/{number}",
        "ReadOnly": True,
        "VolumeOptions": {"NoCopy": True},
    }
