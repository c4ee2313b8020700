"""Small ELF files and .deb archives, made here, for the tests of the node image."""

from __future__ import annotations

import io
import lzma
import struct
import tarfile
from collections.abc import Mapping

_BASE = 0x10000


def elf(*libraries: str, interpreter: str = "", wide: bool = True) -> bytes:
    """Loaded at an address that isn't its offset in the file, as real ones are."""
    header, row = (64, 56) if wide else (52, 32)
    start = header + 3 * row
    names = b"\0" + b"".join(name.encode() + b"\0" for name in libraries)
    interpreted = interpreter.encode() + b"\0"
    positions = [1 + sum(len(n) + 1 for n in libraries[:i]) for i in range(len(libraries))]
    strings, text = start, start + len(names)
    tags = [(1, p) for p in positions] + [(5, _BASE + strings), (0, 0), (1, 99999)]
    dynamic = b"".join(struct.pack("<qQ" if wide else "<iI", *tag) for tag in tags)
    table = text + len(interpreted)
    end = table + len(dynamic)
    segments = [(1, 0, _BASE, end), (2, table, _BASE + table, len(dynamic))]
    if interpreter:
        segments.append((3, text, _BASE + text, len(interpreted)))
    rows = b"".join(_row(wide, *segment) for segment in segments).ljust(3 * row, b"\0")
    return _header(wide, header, row, len(segments)) + rows + names + interpreted + dynamic


def static_elf() -> bytes:
    return _header(True, 64, 56, 1) + _row(True, 1, 0, _BASE, 120)


def deb(files: Mapping[str, bytes | str]) -> bytes:
    """Path -> content, or where a link points to, if it's text."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"./{path}")
            entry.mode, entry.uid, entry.mtime = 0o755, 1000, 12345
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.xz": b"odd",
        "data.tar.xz": lzma.compress(data.getvalue()),
    }
    return b"!<arch>\n" + b"".join(_member(name, content) for name, content in members.items())


def _member(name: str, content: bytes) -> bytes:
    head = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
    return head + content + b"\n" * (len(content) % 2)


def _header(wide: bool, size: int, row: int, count: int) -> bytes:
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    form = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    return ident + struct.pack(form, 3, 62, 1, 0, size, 0, 0, size, row, count, 0, 0, 0)


def _row(wide: bool, kind: int, offset: int, address: int, size: int) -> bytes:
    if wide:
        return struct.pack("<IIQQQQQQ", kind, 4, offset, address, address, size, size, 1)
    return struct.pack("<IIIIIIII", kind, offset, address, address, size, size, 4, 1)
