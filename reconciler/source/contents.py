"""A directory's files at one moment: their digest, and a copy that has exactly that digest."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import SourceError
from reconciler.source.scan import Changed, File, scan, stamp, unreadable

ATTEMPTS = 5
RETRY_S = 0.1


def read(root: Path, skip: Path | None = None) -> tuple[str, tuple[File, ...]]:
    """`dir-<digest>` of what the directory holds, and its files. Raises `SourceError`.

    Read again when something changed meanwhile, a few times.
    """
    for _ in range(ATTEMPTS):
        try:
            return _digest(root, skip)
        except Changed:
            time.sleep(RETRY_S)
    raise never_still(root)


def never_still(root: Path) -> SourceError:
    return SourceError(
        "its files keep changing while they are read", where=str(root), remedy="wait for what writes there"
    )


def _digest(root: Path, skip: Path | None) -> tuple[str, tuple[File, ...]]:
    files = scan(root, skip)
    whole = hashlib.sha256()
    for file in files:
        kind = "l" if file.target is not None else "x" if file.executable else "f"
        part = hashlib.sha256()
        for chunk in chunks(root, file):
            part.update(chunk)
        whole.update(f"{kind}{part.hexdigest()}{file.path}\0".encode("utf-8", "surrogateescape"))
    if scan(root, skip) != files:
        raise Changed
    return f"dir-{whole.hexdigest()[:40]}", files


def copy(root: Path, files: tuple[File, ...], into: Path) -> None:
    """Links last, as they are. Raises `Changed`, `SourceError`."""
    for file in (f for f in files if f.target is None):
        target = into / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(target, flags, 0o555 if file.executable else 0o444)
        with os.fdopen(descriptor, "wb") as out:
            for chunk in chunks(root, file):
                out.write(chunk)
    for file in files:
        if file.target is not None:
            link = into / file.path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(file.target)


def chunks(root: Path, file: File) -> Iterator[bytes]:
    """A file's bytes, or a link's text. Raises `Changed` when they aren't those that were listed."""
    if file.target is not None:
        yield os.fsencode(file.target)
        return
    path = root / file.path
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Changed from None
    except OSError as error:
        raise unreadable(path, error) from error
    with os.fdopen(descriptor, "rb") as source:
        try:
            while chunk := source.read(1 << 20):
                yield chunk
            facts = os.fstat(descriptor)
        except OSError as error:
            raise unreadable(path, error) from error
    if stamp(facts) != file.stamp:
        raise Changed
