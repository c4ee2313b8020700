"""One process at a time writes a cache: `plan` may run beside `serve`."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.source.exports import disk_errors

PATIENCE_S = 120.0


@contextmanager
def locked(folder: Path, patience: float = PATIENCE_S) -> Iterator[None]:
    """Wait for the folder's lock, `patience` seconds at most. Raises `SourceError`. Freed at any death."""
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, folder, patience)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, folder: Path, patience: float) -> None:
    until = time.monotonic() + patience
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise SourceError(
                    f"another reconciler has been using the source's cache for {patience:g} s",
                    where=str(folder),
                    remedy="wait for it to end; `fuser` on the .lock file in it names the process",
                ) from None
        time.sleep(0.02)
