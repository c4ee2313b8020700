"""hostPath volumes with a type: looked at, and with FileOrCreate made, before the pod's containers are.

Source of the rules: Kubernetes, pkg/volume/hostpath (type check). There is no agent on the node, so a short
program in a container of the node image looks at them, each through a mount of its parent directory.
"""

from __future__ import annotations

from posixpath import basename, dirname, normpath
from shlex import quote
from typing import Any

from reconciler.engine.connection.client import Engine
from reconciler.engine.pods.helper import helper, run
from reconciler.errors import EngineError, VolumeFailed
from reconciler.model.observed import PodRecord
from reconciler.model.volume import HostPathVolumeSource

_SECONDS = 60.0
_TESTS = {
    "Directory": ("-d", "a directory"),
    "File": ("-f", "a file"),
    "FileOrCreate": ("-f", "a file"),
    "Socket": ("-S", "a socket"),
    "CharDevice": ("-c", "a character device"),
    "BlockDevice": ("-b", "a block device"),
}


def check(engine: Engine, fleet: str, record: PodRecord, paths: tuple[HostPathVolumeSource, ...]) -> None:
    """Raises `VolumeFailed` naming the first path that isn't what its type says."""
    if not paths:
        return
    mounts = [_parent(n, p) for n, p in enumerate(paths)]
    try:
        with helper(engine, fleet, record, mounts, script(paths)) as container:
            code = run(engine, container, _SECONDS)
    except EngineError as error:
        raise _failed(engine, record, f"a hostPath can't be looked at: {error.message}") from error
    if 0 < code <= len(paths):
        wrong = paths[code - 1]
        raise _failed(engine, record, f"hostPath {wrong.path} is not {_TESTS[wrong.type][1]} on the node")
    if code:
        raise _failed(engine, record, f"looking at the hostPaths ended with exit code {code}")


def script(paths: tuple[HostPathVolumeSource, ...]) -> str:
    """Exits with the number (from 1) of the first path that is wrong."""
    lines: list[str] = []
    for number, source in enumerate(paths):
        place = quote(f"/h/{number}/{basename(normpath(source.path))}")
        if source.type == "FileOrCreate":
            lines.append(f"[ -e {place} ] || : > {place}")
        lines.append(f"[ {_TESTS[source.type][0]} {place} ] || exit {number + 1}")
    return "\n".join(lines)


def _parent(number: int, source: HostPathVolumeSource) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": dirname(normpath(source.path)),
        "Target": f"/h/{number}",
        "ReadOnly": source.type != "FileOrCreate",
    }


def _failed(engine: Engine, record: PodRecord, message: str) -> VolumeFailed:
    return VolumeFailed(
        message,
        node=engine.node,
        where=f"{record.key}, on node {engine.node}",
        remedy="make it on the node, or let the volume's type be DirectoryOrCreate or FileOrCreate",
    )
