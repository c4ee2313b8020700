"""Holds a program that we started to limits of memory, file size and processor time (setrlimit(2)).

Linux only. Elsewhere what bounds it is time, and what we read of it.
"""

from __future__ import annotations

import resource
from contextlib import suppress


def hold(pid: int, *, memory: int, file_bytes: int, cpu_seconds: int = 0) -> None:
    """From now on, and what it starts; 0 is this process. `memory` is what isn't files, in bytes."""
    if not hasattr(resource, "prlimit"):
        return
    wanted = {resource.RLIMIT_DATA: memory, resource.RLIMIT_FSIZE: file_bytes}
    if cpu_seconds:
        wanted[resource.RLIMIT_CPU] = cpu_seconds
    for which, most in wanted.items():
        with suppress(OSError, ValueError):  # it has ended already, or is held to less
            resource.prlimit(pid, which, (most, most))
