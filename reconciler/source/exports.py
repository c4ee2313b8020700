"""Folders that hold a revision's files: made whole or not at all, kept while in use, trimmed later."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakValueDictionary

from reconciler.errors import SourceError
from reconciler.model.revision import Revision
from reconciler.source.snapshot import Snapshot

KEEP = 8
"""Exports kept after their use: the last good revisions are the ones that are asked for again."""
MIN_AGE_S = 600.0
"""An export used this recently, perhaps by another process, isn't removed."""
_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?|dir-[0-9a-f]{16,64}")


class Exports:
    """One folder a revision, below `home/<boot>`. Several processes may share it.

    A machine that crashes may leave empty files in a folder that was renamed into place, and an empty
    manifest is a removed one: so no export is used again after a boot.
    """

    def __init__(self, home: Path, *, min_age: float = MIN_AGE_S) -> None:
        self._folder, self._home, self._min_age = home / _boot(), home, min_age
        self._live: WeakValueDictionary[int, Snapshot] = WeakValueDictionary()

    def make(self, revision: Revision, fill: Callable[[Path], None], subfolder: str = ".") -> Snapshot:
        """`fill` gets an empty folder if there is no export yet; when it raises, nothing stays behind.

        Raises `SourceError`: no space on the disk, or `subfolder` isn't there.
        """
        where = self._path(revision.id)
        with disk_errors(self._folder):
            if not _touch(where):
                self._fill(where, fill)
                self._trim()
        snapshot = Snapshot(revision=revision, root=_inside(where, subfolder, revision), top=where)
        self._live[id(snapshot)] = snapshot
        return snapshot

    def has(self, revision_id: str) -> bool:
        return is_revision(revision_id) and self._path(revision_id).is_dir()

    def _path(self, revision_id: str) -> Path:
        if not is_revision(revision_id):
            raise SourceError(f'"{revision_id[:80]}" is no revision')
        return self._folder / revision_id

    def _fill(self, where: Path, fill: Callable[[Path], None]) -> None:
        self._begin()
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=self._folder))
        try:
            fill(new)
            new.chmod(0o700)
            new.rename(where)
        except BaseException as error:
            shutil.rmtree(new, ignore_errors=True)
            if not (isinstance(error, OSError) and _touch(where)):  # or another process was faster
                raise

    def _begin(self) -> None:
        """Manifests may hold Secrets: the folders are ours alone. Those of earlier boots go."""
        if self._folder.is_dir():
            return
        self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        self._home.chmod(0o700)
        for other in self._home.iterdir():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def _trim(self) -> None:
        used = {snapshot.revision.id for snapshot in list(self._live.values())}
        aged: list[tuple[float, Path]] = []
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                aged.append((path.stat().st_mtime, path))
        old = [p for t, p in sorted(aged, reverse=True)[KEEP:] if time.time() - t > self._min_age]
        for path in old:
            if path.name not in used:
                shutil.rmtree(path, ignore_errors=True)


def is_revision(text: str) -> bool:
    """A full commit hash, or a directory's digest."""
    return bool(_ID.fullmatch(text))


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """The cache's own troubles in words: a full disk, missing rights."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"the source's cache can't be written: {error.strerror or error}",
            where=str(where),
            remedy="make room on the disk or make the folder writable; RECONCILER_STATE_DIR moves it",
        ) from error


def _touch(where: Path) -> bool:
    """Marks it as used now; False when it isn't there."""
    try:
        os.utime(where)
    except FileNotFoundError:
        return False
    return True


def _inside(where: Path, subfolder: str, revision: Revision) -> Path:
    root = Path(os.path.realpath(where / subfolder))
    if not root.is_relative_to(os.path.realpath(where)):
        raise SourceError(
            f'the folder "{subfolder}" leads out of the source', remedy="name a folder inside of it"
        )
    if not root.is_dir():
        raise SourceError(
            f'there is no folder "{subfolder}" at {revision}',
            remedy="correct the path in nodes.yaml, or push the folder",
        )
    return where if subfolder in ("", ".") else root


def _boot() -> str:
    """Differs after each boot; where the system can't say, in each process."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return uuid.uuid4().hex
