"""Writes the files of a commit into a folder. What a repository says about paths is not believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.source.limits import MAX_LINK_BYTES
from reconciler.source.objects import EXECUTABLE, GITLINK, SYMLINK, Entry, Objects
from reconciler.source.process import GitFailed

MANIFESTS = (".yaml", ".yml", ".json")
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
LFS_MARK = b"version https://git-lfs.github.com/spec/"
LFS_MAX_BYTES = 1024
"""Git LFS specification: a pointer file is smaller than this."""

Nested = Callable[[Entry, Path], None]
"""Brings a submodule's files into a folder that exists and is empty."""


def write_tree(objects: Objects, entries: Iterable[Entry], into: Path, nested: Nested) -> None:
    """Files first, links last: nothing is ever written through a link.

    Raises `SourceError` for paths that lead elsewhere and for Git LFS pointers in place of manifests,
    `GitFailed` for a damaged repository, `OSError` for the disk.
    """
    folders = {into}
    of_mode: dict[str, list[tuple[Entry, Path]]] = {SYMLINK: [], GITLINK: []}
    pointers, kustomized = [], False
    for entry in entries:
        path = into.joinpath(*_parts(entry))
        _make_folder(path.parent, folders)
        if entry.mode in of_mode:
            of_mode[entry.mode].append((entry, path))
            continue
        if _write(path, objects, entry) and entry.size < LFS_MAX_BYTES:
            pointers.append(entry.path)
        kustomized = kustomized or path.name in KUSTOMIZATIONS
    _refuse_pointers(pointers, kustomized)
    for entry, path in of_mode[GITLINK]:
        _make_folder(path, folders)
        nested(entry, path)
    for entry, path in of_mode[SYMLINK]:
        _link(path, objects, entry)


def _parts(entry: Entry) -> list[str]:
    parts = entry.path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in parts) or "\0" in entry.path:
        raise SourceError(
            f"the repository holds the path {entry.path!r}, which leads out of it",
            remedy="find out who made that commit: git itself makes no such path",
        )
    return parts


def _make_folder(folder: Path, known: set[Path]) -> None:
    if folder not in known:
        folder.mkdir(parents=True, exist_ok=True)
        known.add(folder)


def _missing(entry: Entry) -> GitFailed:
    return GitFailed("cat-file", f"missing blob {entry.id} of {entry.path}")


def _write(path: Path, objects: Objects, entry: Entry) -> bool:
    """Whether it begins as a Git LFS pointer."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o555 if entry.mode == EXECUTABLE else 0o444)
    except FileExistsError:
        raise _twice(entry.path) from None
    with os.fdopen(descriptor, "wb") as file:
        chunks = objects.chunks(entry.id)
        if chunks is None:
            raise _missing(entry)
        begins = next(chunks, b"")
        file.write(begins)
        for chunk in chunks:
            file.write(chunk)
    return begins.startswith(LFS_MARK)


def _link(path: Path, objects: Objects, entry: Entry) -> None:
    """As it is in the repository; validation looks where it leads."""
    found = objects.read(entry.id, MAX_LINK_BYTES)
    if found is None:
        raise _missing(entry)
    try:
        path.symlink_to(os.fsdecode(found[1]))
    except FileExistsError:
        raise _twice(path.name) from None
    except ValueError:
        raise SourceError(f"the link {entry.path!r} leads nowhere: it holds a NUL byte") from None


def _twice(path: str) -> SourceError:
    return SourceError(
        f"the repository holds {path!r} twice",
        remedy="this machine's file system may not tell upper from lower case; else the commit is forged",
    )


def _refuse_pointers(pointers: list[str], kustomized: bool) -> None:
    """A pointer in place of a manifest, or of anything that a kustomization might read."""
    wrong = [path for path in pointers if kustomized or path.endswith(MANIFESTS)]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise SourceError(
            f"{wrong[0]}{more} is a Git LFS pointer, not the file itself; LFS content isn't fetched",
            remedy="keep manifests out of LFS: git lfs untrack, then git add --renormalize, and commit",
        )
