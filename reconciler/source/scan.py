"""Which files a directory holds, and marks by which a change shows. Reads no file's content."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.model.base import Value
from reconciler.source.checkout import MANIFESTS
from reconciler.source.limits import MAX_BYTES, MAX_FILES

_LEFTOVERS = (".swp", ".swx", "~")
"""What editors put beside a file that is being edited."""


class File(Value):
    """`stamp` changes whenever the file does. A link's `target` is its text, not where it leads."""

    path: str
    stamp: tuple[int, ...]
    executable: bool = False
    target: str | None = None

    @property
    def modified(self) -> float:
        """Seconds since the epoch."""
        return self.stamp[2] / 1e9


class Changed(Exception):
    """A file changed, or went, while it was read."""


def scan(root: Path, skip: Path | None = None) -> tuple[File, ...]:
    """Every file below `root`, sorted, without its content. Raises `SourceError`, `Changed`.

    Hidden folders are left out (`.git`, `.venv`), as validation does, and so is `skip`: our own cache.
    """
    found: list[File] = []
    size = 0
    folders = [root]
    while folders:
        folder = folders.pop()
        for entry in _entries(root, folder):
            facts = _facts(entry)
            if stat.S_ISDIR(facts.st_mode):
                if not entry.name.startswith(".") and (skip is None or Path(entry.path) != skip):
                    folders.append(Path(entry.path))
                continue
            file = _file(root, entry, facts)
            if file is not None:
                found.append(file)
                size += facts.st_size
        if size > MAX_BYTES or len(found) > MAX_FILES:
            raise SourceError(
                f"holds more than {MAX_BYTES >> 20} MB or {MAX_FILES:,} files",
                where=str(root),
                remedy="point to a folder that holds the manifests and little else",
            )
    return tuple(sorted(found, key=lambda file: file.path))


def _entries(root: Path, folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return list(listing)
    except FileNotFoundError as error:
        if folder != root:
            raise Changed from None
        raise unreadable(folder, error) from error
    except OSError as error:
        raise unreadable(folder, error) from error


def _facts(entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        raise Changed from None
    except OSError as error:
        raise unreadable(Path(entry.path), error) from error


def _file(root: Path, entry: os.DirEntry[str], facts: os.stat_result) -> File | None:
    """None for what isn't content: editors' leftovers, sockets, pipes, devices."""
    path = os.path.relpath(entry.path, root)
    if entry.name.endswith(_LEFTOVERS) or entry.name.startswith((".#", "#")):
        return None
    if stat.S_ISLNK(facts.st_mode):
        try:
            return File(path=path, stamp=stamp(facts), target=str(Path(entry.path).readlink()))
        except FileNotFoundError:
            raise Changed from None
    if stat.S_ISREG(facts.st_mode):
        return File(path=path, stamp=stamp(facts), executable=bool(facts.st_mode & stat.S_IXUSR))
    if entry.name.endswith(MANIFESTS):
        raise SourceError("isn't a regular file", where=entry.path, remedy="pipes and devices aren't read")
    return None


def stamp(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def unreadable(path: Path, error: OSError) -> SourceError:
    return SourceError(
        f"can't be read: {error.strerror or error}",
        where=str(path),
        remedy="make it readable for the reconciler's user; until then the last good state stays",
    )
