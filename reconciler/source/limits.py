"""How much a revision may hold, whichever kind of source it comes from: far above what manifests need.

What a commit holds is counted before anything of it is read: a few kilobytes of Git's objects can stand for
any number of files, and of bytes.
"""

from __future__ import annotations

from reconciler.errors import SourceError
from reconciler.printable import printable

MAX_FILES = 100_000
"""Files, links and folders of a revision, those of its submodules included."""
MAX_BYTES = 1 << 30
"""All of its files together."""
MAX_DEPTH = 64
"""Folders in each other."""
MAX_PATH_BYTES = 1024
MAX_NAME_BYTES = 255
"""Of one part of a path: the most that Linux' file systems take."""
MAX_LINK_BYTES = 4096
MAX_COMMIT_BYTES = 1_000_000
"""A commit's message and headers, or a tag's."""
MAX_MODULES_BYTES = 1_000_000
"""A .gitmodules file."""
MAX_SUBMODULES = 32
MAX_PACK_BYTES = 1 << 30
"""What a push, or a fetch, may bring at once, as it is packed."""
MAX_OBJECT_MEMORY = 1 << 28
"""Bytes that git may take at once for an object that it can't read piece by piece."""
MAX_MEMORY = 1 << 30
"""Bytes of memory for one git, or for a hook, where the system can hold a program to that (Linux)."""
MAX_REFS = 1000
"""Branches and tags in one push."""
MAX_ALL_REFS = 10_000
"""Branches and tags in a repository that we host: each fetch and each push lists them all."""
HOOK_SECONDS = 120.0
"""How long a push is looked at."""

_SMALLER = "keep what isn't a manifest out of it: images, archives, data"


class Tally:
    """Counts one revision with its submodules. Each method raises `SourceError` beyond a limit."""

    def __init__(self) -> None:
        self._files = self._bytes = self._submodules = 0

    def entry(self, path: str, size: int) -> None:
        """One file, link or folder; `size` in bytes, 0 for a folder."""
        self._files += 1
        self._bytes += size
        if self._files > MAX_FILES:
            raise too_large(f"holds more than {MAX_FILES:,} files and folders")
        if self._bytes > MAX_BYTES:
            found = f"its files up to {shortened(path)} have {self._bytes / 1e6:,.0f} MB"
            raise too_large(f"{found}, and {MAX_BYTES / 1e6:,.0f} MB are the most")
        length, parts = len(path.encode("utf-8", "surrogateescape")), path.split("/")
        longest = max(len(part.encode("utf-8", "surrogateescape")) for part in parts)
        if len(parts) > MAX_DEPTH:
            raise too_large(f"{shortened(path)} lies {len(parts)} folders deep, and {MAX_DEPTH} are the most")
        if length > MAX_PATH_BYTES or longest > MAX_NAME_BYTES:
            found = f"the path {shortened(path)} has {length:,} bytes, its longest part {longest:,}"
            raise too_large(f"{found}; {MAX_PATH_BYTES:,} and {MAX_NAME_BYTES} are the most")

    def submodule(self) -> None:
        self._submodules += 1
        if self._submodules > MAX_SUBMODULES:
            raise too_large(f"has more than {MAX_SUBMODULES} submodules")


def too_large(found: str) -> SourceError:
    return SourceError(found, where="the revision", remedy=_SMALLER)


def shortened(path: str) -> str:
    """For messages: what a pusher wrote, in bounds and without control characters."""
    return printable(path if len(path) <= 80 else f"{path[:40]}…{path[-39:]}")
