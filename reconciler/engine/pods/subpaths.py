"""subPaths on Engines before API 1.45 (Docker 26), for which one is a bind of a directory by its path. Pure.

The Engine follows that path on the node at each start of the container, also when it restarts it by itself.
Another container of the pod that may write to what lies around could put a symbolic link in the place, and it
would lead anywhere on the node (CVE-2017-1002101). So every folder on the way is a mount of its own in each
such container: Linux neither removes nor renames a mount point (EBUSY).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

Mount = Mapping[str, Any]


def subpath_of(mount: Mount) -> str:
    found: str = mount.get("VolumeOptions", {}).get("Subpath", "")
    return found


def folders(bodies: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """Volume -> what a pod's containers mount of it, and each folder above that."""
    found: dict[str, set[str]] = {}
    for body in bodies:
        for mount in body["HostConfig"].get("Mounts") or []:
            parts = subpath_of(mount).split("/")
            ways = {"/".join(parts[:n]) for n in range(1, len(parts) + 1)} - {""}
            found.setdefault(mount["Source"], set()).update(ways)
    return {volume: frozenset(ways) for volume, ways in found.items()}


def guards(
    mounts: Sequence[Mount], ways: Mapping[str, Collection[str]], mountpoints: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """The mounts that a container with these needs besides. `ways` are the pod's `folders`, `mountpoints`:
    volume name -> its directory on the node.
    """
    taken = {mount["Target"] for mount in mounts}
    for mount in mounts:
        if mount["Type"] != "volume" or mount["ReadOnly"]:
            continue
        below = f"{subpath_of(mount)}/".lstrip("/")
        for way in sorted(ways.get(mount["Source"], ())):
            target = f"{mount['Target'].rstrip('/')}/{way.removeprefix(below)}"
            if way.startswith(below) and target not in taken:
                taken.add(target)
                source = f"{mountpoints[mount['Source']]}/{way}"
                yield {"Type": "bind", "Source": source, "Target": target, "ReadOnly": False}
