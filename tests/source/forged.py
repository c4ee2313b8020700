"""Objects that no git makes, to be pushed or fetched: trees that expand, packs of them."""

from __future__ import annotations

import hashlib
import struct
import zlib

from tests.source.conftest import Work

COPY_BYTES = 0xFFFFFF
"""The most that one instruction of a delta copies."""


def blob(work: Work, content: bytes) -> str:
    return work.git("hash-object", "-w", "--stdin", stdin=content)


def tree(work: Work, *entries: tuple[str, str, str]) -> str:
    """Of (mode, name, id)."""
    raw = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(id_) for mode, name, id_ in entries)
    return work.git("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=raw)


def branch(work: Work, top: str) -> str:
    """main, at a commit of that tree."""
    commit = work.git("commit-tree", top, "-m", "forged")
    work.git("update-ref", "refs/heads/main", commit)
    return commit


def nested(work: Work, leaf: tuple[str, str], width: int, depth: int) -> str:
    """A tree of trees: `leaf` (mode, id) stands for `width` ** `depth` of them."""
    mode, id_ = leaf
    for _ in range(depth):
        id_ = tree(work, *((mode, f"d{number:04}", id_) for number in range(width)))
        mode = "40000"
    return id_


def delta_pack(times: int) -> tuple[bytes, str]:
    """A few kilobytes that hold a commit with a file of 16 MB and one of `times` that; and its id."""
    base = bytes(COPY_BYTES)
    size = len(base) * times
    digest = hashlib.sha1(f"blob {size}\0".encode())
    for _ in range(times):
        digest.update(base)
    copy = bytes([0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF])
    delta = _number(len(base)) + _number(size) + copy * times
    top = b"100644 a\0" + digest.digest() + b"100644 b\0" + _id(b"blob", base)
    who = b"Eve <eve@example.net> 1700000000 +0000"
    told = (
        b"tree " + _id(b"tree", top).hex().encode() + b"\nauthor " + who + b"\ncommitter " + who + b"\n\nx\n"
    )
    objects = [
        _header(3, len(base)) + zlib.compress(base),
        _header(7, len(delta)) + _id(b"blob", base) + zlib.compress(delta),
        _header(2, len(top)) + zlib.compress(top),
        _header(1, len(told)) + zlib.compress(told),
    ]
    pack = b"PACK" + struct.pack(">II", 2, len(objects)) + b"".join(objects)
    return pack + hashlib.sha1(pack).digest(), _id(b"commit", told).hex()


def _id(kind: bytes, content: bytes) -> bytes:
    return hashlib.sha1(kind + f" {len(content)}\0".encode() + content).digest()


def _header(kind: int, size: int) -> bytes:
    first, rest = (kind << 4) | (size & 15), size >> 4
    return bytes([first | (0x80 if rest else 0)]) + (_number(rest) if rest else b"")


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    out = []
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    return bytes([*out, value])
