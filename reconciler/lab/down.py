"""Removing a lab, whatever state it is in: also one whose `up` was killed at any line.

It goes by what it finds under the lab's marks; the state on disk only says whether there was a lab. All
steps are idempotent, and the state file goes last, so a `down` that is killed is simply run again.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab import cgroups, network, process, requirements
from reconciler.lab.lock import locked
from reconciler.lab.state import draft_file, parents_of, state_file

OURS = ("nodes", "registry", "nodes.yaml", "known_hosts", "identity", "identity.pub")
"""What a lab puts into its directory beside its state. Whatever else lies there stays."""


def down(directory: Path) -> bool:
    """Whether there was anything to remove."""
    requirements.check_machine()
    if not leftovers(directory):
        return False
    with locked(directory):
        remove(directory)
    return True


def remove(directory: Path) -> None:
    """For whoever holds the lock."""
    process.kill(directory, process.find(directory))
    network.remove(directory)
    remove_groups(directory)
    remove_files(directory)


def remove_groups(directory: Path, timeout: float = 5.0) -> None:
    """The kernel empties a dead container's groups a little after its last process."""
    until = time.monotonic() + timeout
    while cgroups.of(directory):
        cgroups.remove(directory)
        if time.monotonic() > until:
            raise LabError("control groups of its containers stay busy", where=str(directory))
        time.sleep(0.02)


def remove_files(directory: Path) -> None:
    """Only where a lab's state says that they are a lab's: `nodes` is a likely name for others' too."""
    if state_file(directory).exists():
        for path in _files(directory):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    state_file(directory).unlink(missing_ok=True)
    draft_file(directory).unlink(missing_ok=True)
    for folder in (directory, *parents_of(directory)):
        if not _is_empty(folder):
            break
        folder.rmdir()


def _files(directory: Path) -> list[Path]:
    return [path for name in OURS if (path := directory / name).exists()]


def leftovers(directory: Path) -> list[str]:
    """Everything of the lab that this machine still holds, in words; empty after a `down`."""
    found = [f"process {pid}" for pid in process.find(directory)]
    found += [f"bridge {name}" for name in network.bridges_of(directory)]
    found += [f"firewall rule {rule}" for rule in network.rules_of(directory)]
    found += [f"control group {path}" for path in cgroups.of(directory)]
    mounts = (line.split()[1] for line in Path("/proc/mounts").read_text().splitlines())
    found += [f"mount {mount}" for mount in mounts if Path(mount).is_relative_to(directory)]
    states = [path for path in (state_file(directory), draft_file(directory)) if path.exists()]
    found += [f"file {path}" for path in [*states, *(_files(directory) if states else [])]]
    return found + ([f"empty directory {directory}"] if _is_empty(directory) else [])


def _is_empty(directory: Path) -> bool:
    """As `up` leaves it that dies before it could write its state."""
    return directory.is_dir() and not any(directory.iterdir())
