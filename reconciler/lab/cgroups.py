"""The control groups of a lab's containers. Killed containers leave theirs behind, empty."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reconciler.lab.state import identity_of

PARENT = "reconciler-lab"


def of(directory: Path) -> list[Path]:
    """The lab's top group in each hierarchy (one with cgroup v2, one a controller with v1)."""
    return [top / PARENT / identity_of(directory) for top in _hierarchies() if _exists(top, directory)]


def _exists(top: Path, directory: Path) -> bool:
    return (top / PARENT / identity_of(directory)).is_dir()


def _hierarchies() -> Iterator[Path]:
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return (Path(line.split()[1]) for line in mounts if line.split()[2] in ("cgroup", "cgroup2"))


def remove(directory: Path) -> None:
    """Deepest first; the common parent goes with its last lab."""
    for top in of(directory):
        for group in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            _rmdir(group)
        _rmdir(top)
        _rmdir(top.parent)


def _rmdir(group: Path) -> None:
    try:
        group.rmdir()
    except OSError:
        return  # another lab lives in it, or the kernel is still emptying it: `down` looks again
