"""A directory, watched. Edits are coalesced; what is handed over is a copy that nobody edits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import SourceError
from reconciler.model.revision import Revision
from reconciler.source import contents
from reconciler.source.exports import Exports
from reconciler.source.locked import locked
from reconciler.source.scan import Changed, File
from reconciler.source.snapshot import Snapshot
from reconciler.source.watch import Watch

if TYPE_CHECKING:
    from reconciler.source.notices import Notices

LOOK_S = 30.0
"""Also without any notice the directory is looked at this often: a notice may get lost."""
RETRY_S, LONGEST_RETRY_S = 1.0, 5.0
"""While it can't be read."""


class Directory:
    """See `source.Source`. The revision is `dir-<digest>` of what the directory holds."""

    def __init__(self, path: Path, cache_dir: Path) -> None:
        self._path = Path(os.path.abspath(path))  # noqa: PTH100  # resolve() would follow a link that may move
        self._cache = cache_dir
        self._exports = Exports(cache_dir / "exports")
        self._watch = Watch(self._bring, LOOK_S, retry=RETRY_S, longest=LONGEST_RETRY_S)
        self._lock = threading.Lock()
        self._notices: Notices | None = None

    def start(self, changed: Callable[[], None]) -> None:
        from reconciler.source.notices import Notices

        self._notices = Notices(self._path, self._watch.wake, self._cache)
        self._notices.start()
        self._watch.start(changed)

    def fetch(self) -> Snapshot:
        return self._watch.look()

    def latest(self) -> Snapshot | None:
        return self._watch.latest()

    def error(self) -> SourceError | None:
        return self._watch.error()

    def wake(self) -> None:
        self._watch.wake()

    def at(self, revision_id: str) -> Snapshot | None:
        """Only while its copy is still there: a directory has no history."""
        with self._lock:
            if not revision_id.startswith("dir-") or not self._exports.has(revision_id):
                return None
            return self._exports.make(Revision(id=revision_id), _nothing)

    def close(self) -> None:
        self._watch.close()
        if self._notices is not None:
            self._notices.close()

    def _bring(self) -> Snapshot:
        with self._lock:
            for _ in range(contents.ATTEMPTS):
                try:
                    return self._copy(*contents.read(self._path, self._cache))
                except Changed:
                    time.sleep(contents.RETRY_S)
        raise contents.never_still(self._path)

    def _copy(self, digest: str, files: tuple[File, ...]) -> Snapshot:
        counted = "1 file" if len(files) == 1 else f"{len(files)} files"
        revision = Revision(id=digest, subject=f"{counted} of {self._path.name}", time=_newest(files))

        def fill(into: Path) -> None:
            contents.copy(self._path, files, into)

        if self._exports.has(digest):
            return self._exports.make(revision, fill)
        with locked(self._cache):
            return self._exports.make(revision, fill)


def _newest(files: tuple[File, ...]) -> float:
    """When the last of them was changed; in seconds since the epoch."""
    return max((file.modified for file in files), default=0.0)


def _nothing(_: Path) -> None:
    raise SourceError("the copy of that revision is gone")
