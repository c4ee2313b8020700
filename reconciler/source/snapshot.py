"""What a source hands over: a revision and a folder that holds its files."""

from __future__ import annotations

from pathlib import Path

from reconciler.model.base import Value
from reconciler.model.revision import Revision


class Snapshot(Value, weakref=True):
    """`root` is a folder with the revision's files, unchanged for as long as this value is alive.

    `top`, if it is given, is the folder with all of the revision, of which `root` is a part.
    `complete` is False when a part of the revision couldn't be read: then nothing may be pruned.
    """

    revision: Revision
    root: Path
    complete: bool = True
    top: Path | None = None
