"""Finding and killing a lab's processes. Never by a program's name: each carries the lab's mark.

The mark stands in a process's environment from its very first instruction, so there is no moment in
which a process runs and isn't found, as there would be with a file that holds its id.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab.requirements import SYSTEM_PATH

DIRECTORY, ROLE = "RECONCILER_LAB_DIR", "RECONCILER_LAB_ROLE"


def marked(directory: Path, role: str) -> dict[str, str]:
    """The environment of a process of the lab: the mark, and nothing of whoever started it."""
    return {"PATH": SYSTEM_PATH, "HOME": "/root", DIRECTORY: str(directory), ROLE: role}


def spawn(argv: list[str], directory: Path, role: str, log: Path) -> subprocess.Popen[bytes]:
    """Start a process of its own session, that neither Ctrl-C nor a closed terminal reaches."""
    with log.open("ab") as out:
        return subprocess.Popen(
            argv,
            env=marked(directory, role),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def find(directory: Path, role: str | None = None) -> list[int]:
    """Ids of the lab's processes, of one role or of all, smallest first."""
    return sorted(pid for pid in pids() if is_marked(pid, directory, role))


def pids() -> Iterator[int]:
    return (int(entry) for entry in os.listdir("/proc") if entry.isdecimal())  # noqa: PTH208 (4 x faster)


def is_marked(pid: int, directory: Path, role: str | None = None) -> bool:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    wanted = [f"{DIRECTORY}={directory}"] + ([f"{ROLE}={role}"] if role else [])
    return all(os.fsencode(entry) in environment for entry in wanted)


def is_first(pid: int) -> bool:
    """Whether it is the first process of a process namespace other than ours: what a node hangs on."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    ids = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
    return len(ids) > 1 and ids[-1] == "1"


def kill(directory: Path, found: Iterable[int], timeout: float = 10.0) -> None:
    """SIGKILL, and wait until they are gone. A pid that has been given to somebody else is spared."""
    handles = [fd for pid in found if (fd := _handle(pid, directory)) is not None]
    try:
        for fd in handles:
            _send(fd, signal.SIGKILL)
        for fd in handles:
            if not _ended(fd, timeout):
                raise LabError(f"a process did not die within {timeout:g} s of SIGKILL", where=str(directory))
    finally:
        for fd in handles:
            os.close(fd)


def _handle(pid: int, directory: Path) -> int | None:
    """A pidfd, checked after opening: from then on it can't mean another process."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return None
    if is_marked(pid, directory):
        return fd
    os.close(fd)
    return None


def _ended(fd: int, timeout: float) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def _send(fd: int, number: signal.Signals) -> None:
    try:
        signal.pidfd_send_signal(fd, number)
    except ProcessLookupError:
        return


def start_time(pid: int) -> str:
    """Clock ticks after boot, which with the pid names a process for good; empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def token(pid: int) -> str:
    return f"{pid}:{start_time(pid)}"


def is_alive(owner: str) -> bool:
    """Whether the process that `token` described still runs."""
    pid = owner.partition(":")[0]
    return pid.isdecimal() and token(int(pid)) == owner
