"""Removing a lab, whatever state it is in: also one whose `up` was killed at any line.

It goes by what it finds under the lab's marks; the state on disk only says whether there was a lab. All
steps are idempotent, and the state file goes last, so a `down` that is killed is simply run again.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab import cgroups, network, process
from reconciler.lab.lock import locked
from reconciler.lab.state import load, state_file

OURS = ("nodes", "registry", "nodes.yaml", "known_hosts", "identity", "identity.pub", "lab.new")
"""What a lab puts into its directory beside its state. Whatever else lies there stays."""


def down(directory: Path) -> bool:
    """Whether there was anything to remove."""
    if not load(directory) and not leftovers(directory):
        return False
    with locked(directory):
        process.kill(directory, process.find(directory))
        network.remove(directory)
        remove_groups(directory)
        remove_files(directory)
    return True


def remove_groups(directory: Path, timeout: float = 5.0) -> None:
    """The kernel empties a dead container's groups a little after its last process."""
    until = time.monotonic() + timeout
    while cgroups.of(directory):
        cgroups.remove(directory)
        if time.monotonic() > until:
            raise LabError("control groups of its containers stay busy", where=str(directory))
        time.sleep(0.02)


def remove_files(directory: Path) -> None:
    for name in OURS:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    state_file(directory).unlink(missing_ok=True)
    if not any(directory.iterdir()):
        directory.rmdir()


def leftovers(directory: Path) -> list[str]:
    """Everything of the lab that this machine still holds, in words; empty after a `down`."""
    found = [f"process {pid}" for pid in process.find(directory)]
    found += [f"bridge {name}" for name in network.bridges_of(directory)]
    found += [f"firewall rule {rule}" for rule in network.rules_of(directory)]
    found += [f"control group {path}" for path in cgroups.of(directory)]
    found += [f"file {directory / name}" for name in OURS if (directory / name).exists()]
    found += [
        f"mount {line.split()[1]}"
        for line in Path("/proc/mounts").read_text().splitlines()
        if str(directory) in line
    ]
    return found + ([f"file {state_file(directory)}"] if state_file(directory).exists() else [])
