"""What a program or library needs at run time, read from its ELF headers. Pure; knows no paths.

Source: the System V ABI, "Program Header" and "Dynamic Section". Little-endian only, as all of Debian's
architectures here are.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_MAGIC = b"\x7fELF"
_LITTLE_ENDIAN = 1
_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_END, _NEEDED, _STRING_TABLE = 0, 1, 5


class Needs(NamedTuple):
    """`interpreter` is the dynamic loader's absolute path, or "" (static programs, libraries); `libraries`
    are names such as `libc.so.6`, in the file's order.
    """

    interpreter: str
    libraries: tuple[str, ...]


class _Segment(NamedTuple):
    kind: int
    offset: int
    address: int
    size: int


def needs(content: bytes) -> Needs:
    """Raises `ValueError` for what begins as ELF but can't be read. What isn't ELF needs nothing."""
    if not content.startswith(_MAGIC):
        return Needs("", ())
    try:
        segments = _segments(content)
        interpreter = next((_text(content, s.offset) for s in segments if s.kind == _INTERPRETER), "")
        return Needs(interpreter, tuple(_needed(content, segments)))
    except (struct.error, IndexError) as error:
        raise ValueError(f"a broken ELF file: {error}") from error


def _segments(content: bytes) -> list[_Segment]:
    if content[5] != _LITTLE_ENDIAN:
        raise ValueError("an ELF file that isn't little-endian")
    if _is_64(content):
        (table,) = struct.unpack_from("<Q", content, 32)
        size, count = struct.unpack_from("<HH", content, 54)
        rows = [struct.unpack_from("<IIQQQQ", content, table + n * size) for n in range(count)]
        return [_Segment(kind, offset, address, length) for kind, _, offset, address, _, length in rows]
    (table,) = struct.unpack_from("<I", content, 28)
    size, count = struct.unpack_from("<HH", content, 42)
    rows = [struct.unpack_from("<IIIII", content, table + n * size) for n in range(count)]
    return [_Segment(kind, offset, address, length) for kind, offset, address, _, length in rows]


def _needed(content: bytes, segments: list[_Segment]) -> list[str]:
    dynamic = next((s for s in segments if s.kind == _DYNAMIC), None)
    if dynamic is None:
        return []
    form = "<qQ" if _is_64(content) else "<iI"
    names, strings = [], 0
    step = struct.calcsize(form)
    for offset in range(dynamic.offset, dynamic.offset + dynamic.size, step):
        tag, value = struct.unpack_from(form, content, offset)
        if tag == _END:
            break
        if tag == _NEEDED:
            names.append(value)
        elif tag == _STRING_TABLE:
            strings = _offset(segments, value)
    return [_text(content, strings + name) for name in names]


def _offset(segments: list[_Segment], address: int) -> int:
    """Where in the file that is which is loaded at `address`."""
    for s in segments:
        if s.kind == _LOAD and s.address <= address < s.address + s.size:
            return address - s.address + s.offset
    raise ValueError(f"an ELF file whose address {address:#x} is in no segment")


def _text(content: bytes, offset: int) -> str:
    end = content.find(b"\0", offset)
    if offset >= len(content) or end < 0:
        raise ValueError("an ELF file that ends inside a name")
    return content[offset:end].decode()


def _is_64(content: bytes) -> bool:
    return content[4] == 2
