"""One `up` or `down` at a time for a lab."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import LabError


@contextmanager
def locked(directory: Path, timeout: float = 10.0) -> Iterator[None]:
    """Hold the lab's directory, making it if need be. The kernel lets go when the holder dies.

    A child that `up` has forked but that isn't yet the program it shall become still holds the lock: so
    `down` never looks for processes in the moment in which one is there but not yet marked.
    """
    until = time.monotonic() + timeout
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if _take(fd, directory):
                yield
                return
        finally:
            os.close(fd)
        if time.monotonic() > until:
            raise LabError("another command is starting or removing this lab", where=str(directory))
        time.sleep(0.05)


def _take(fd: int, directory: Path) -> bool:
    """False when somebody else has it, or when who had it has removed the directory meanwhile."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), directory.stat())
    except (BlockingIOError, FileNotFoundError):
        return False
