"""Folders of this user's: what is wrong with them, and where else the daemon's socket may be."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from reconciler.errors import ReconcilerError

Identity = tuple[int, int]
"""Device and inode: which file it is, whatever it is called."""

REFUSED_BY_DISK = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""The disk takes nothing, for now: nothing is wrong with what was asked."""


def refuse_a_file(folder: Path) -> None:
    """Raises where a file stands in the way of a folder: that is a mistake, and no state of the disk."""
    for place in (folder, *folder.parents):
        if os.path.lexists(place):
            if not place.is_dir():
                raise ReconcilerError(
                    "expected a directory for the reconciler's state, found something else",
                    where=str(place),
                    remedy="move it away, or let RECONCILER_STATE_DIR (or XDG_STATE_HOME) name a directory",
                )
            return


def identity(path: Path) -> Identity | None:
    """None where nothing is, or nothing can be seen."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


def other_socket(fleet: str) -> Path:
    """Where the daemon's socket is when its usual folder can't be written: the user's runtime folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    if Path(runtime).is_dir():
        return Path(runtime) / "reconciler" / f"{fleet}.sock"
    return Path(tempfile.gettempdir()) / f"reconciler-{os.getuid()}" / f"{fleet}.sock"


def is_private(folder: Path) -> bool:
    """Whether it is a folder of this user's that no other may write to: somebody else's could be a trap."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and facts.st_uid == os.getuid() and not facts.st_mode & 0o022
