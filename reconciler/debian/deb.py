"""Debian packages, unpacked in memory into one tree, as `dpkg` would lay them out on a merged /usr. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from typing import NamedTuple

_MERGED = ("bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/")
_DOCUMENTS = "usr/share/doc/"
_BULK = ("usr/share/", "usr/include/")
"""Never in the image, so not kept in memory; licences, which are below it, are."""


class File(NamedTuple):
    """A regular file, or a symbolic link where `link` is what it points to. `package` is where it is from."""

    mode: int
    content: bytes = b""
    link: str = ""
    package: str = ""


def tree(packages: Mapping[str, bytes]) -> dict[str, File]:
    """Path -> file, of the .deb archives by their packages' names. Paths have no leading slash, and those of
    /bin, /sbin and /lib* are in /usr (Debian: UsrMerge).
    """
    files = {}
    for name, package in sorted(packages.items()):
        for entry, content in unpack(package):
            path = merged(entry.name)
            if path.startswith(_BULK) and not _is_licence(path):
                continue
            if entry.isreg():
                files[path] = File(entry.mode & 0o777, content, package=name)
            elif entry.issym():
                files[path] = File(0o777, link=entry.linkname, package=name)
            elif entry.islnk():
                files[path] = File(0o777, link=f"/{merged(entry.linkname)}", package=name)
    return files


def merged(path: str) -> str:
    """Where `path`, absolute or relative to the root, is when /bin and such are links into /usr."""
    path = path.removeprefix("./").lstrip("/")
    return f"usr/{path}" if path.startswith(_MERGED) else path


def unpack(package: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Every entry of a .deb's data archive with its content (Debian: deb(5), an `ar` archive)."""
    for name, content in _ar_members(package):
        if name.startswith("data.tar"):
            with tarfile.open(fileobj=io.BytesIO(content)) as data:
                for entry in data:
                    file = data.extractfile(entry) if entry.isreg() else None
                    yield entry, file.read() if file else b""


def _is_licence(path: str) -> bool:
    """Also a package's folder of documents that is a link to another's."""
    inside = path.removeprefix(_DOCUMENTS)
    return inside != path and ("/" not in inside or inside.endswith("/copyright"))


def _ar_members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    offset = 8
    while offset + 60 <= len(archive):
        head = archive[offset : offset + 60]
        size = int(head[48:58])
        yield head[:16].decode().strip().rstrip("/"), archive[offset + 60 : offset + 60 + size]
        offset += 60 + size + size % 2
