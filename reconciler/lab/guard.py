"""A lab must not outlive the process that it was made for, however that ends.

`python -m reconciler.lab.guard PID DIRECTORY` waits for the process and then removes the lab. A guard that
is killed too leaves a lab whose state names its dead owner; `remove_orphans` takes those.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

from reconciler.lab import down, process, state


def watch(directory: Path) -> None:
    """Start a guard for a lab of this process. It is out of Ctrl-C's reach."""
    subprocess.Popen(
        [sys.executable, "-m", "reconciler.lab.guard", process.token(os.getpid()), str(directory)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


def remove_orphans(root: Path) -> list[str]:
    """Remove the labs directly below `root` whose owner is gone; their names. A person's labs have none."""
    found = [state.load(path) for path in sorted(root.iterdir())] if root.is_dir() else []
    orphans = [each for each in found if each and each.owner and not process.is_alive(each.owner)]
    for each in orphans:
        down.down(each.directory)
    return [each.name for each in orphans]


def main(owner: str, directory: Path) -> None:
    try:
        fd = os.pidfd_open(int(owner.partition(":")[0]))
    except ProcessLookupError:
        fd = -1
    if fd >= 0 and process.is_alive(owner):
        select.select([fd], [], [])
    down.down(directory)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
