"""known_hosts files, as sshd(8) describes them: hashed names, patterns, `@revoked`. Reads, never writes.

`@cert-authority` lines are passed over: host certificates aren't checked here, so none is trusted.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from reconciler.errors import InventoryError

MOST = 16 << 20
"""Bytes of one file that are read."""
REVOKED = "@revoked"
_KRL = b"SSHKRL\n\0"


class Line(NamedTuple):
    """One key: `marker` is "" or `@revoked`."""

    marker: str
    kind: str
    blob: bytes


def lines_of(file: Path, names: Iterable[str]) -> Iterator[Line]:
    """The keys of a host that goes by any of these names; of revoked ones those of any host.

    A missing file has none. Raises `InventoryError` for one that can't be read.
    """
    wanted = tuple(name.lower() for name in names)
    for line in _read(file).splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        if len(words) < 3 or words[0].startswith("#") or marker not in ("", REVOKED):
            continue
        if marker == REVOKED or any(_means(words[0], name) for name in wanted):
            try:
                yield Line(marker, words[1], base64.b64decode(words[2], validate=True))
            except binascii.Error:
                continue  # as ssh does: that line says nothing


def revoked_keys(file: Path) -> Iterator[Line]:
    """Those of a file of RevokedHostKeys (ssh_config(5)): a public key a line.

    Raises `InventoryError` for one that can't be read or isn't there: ssh trusts no key then. Also for a key
    revocation list of ssh-keygen's, which isn't read here.
    """
    data = _bytes(file)
    if data.startswith(_KRL):
        raise InventoryError(
            "a binary list of revoked keys isn't read here",
            where=str(file),
            remedy="write the keys into it as in .pub files, or as @revoked lines into known_hosts",
        )
    for line in data.decode(errors="replace").splitlines():
        kind, _, rest = line.strip().partition(" ")
        try:
            yield Line(REVOKED, kind, base64.b64decode(rest.split(" ")[0], validate=True))
        except binascii.Error:
            continue


def _read(file: Path) -> str:
    return _bytes(file).decode(errors="replace") if file.is_file() else ""


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(MOST)
    except OSError as error:
        raise InventoryError(
            f"can't be read: {error.strerror}", where=str(file), remedy="mend the file"
        ) from error


def _means(names: str, wanted: str) -> bool:
    if names.startswith("|1|"):
        return _hashed(names, wanted)
    patterns = [p.lower() for p in names.split(",")]
    if any(p.startswith("!") and _fits(p[1:], wanted) for p in patterns):
        return False
    return any(_fits(p, wanted) for p in patterns if not p.startswith("!"))


def _fits(pattern: str, wanted: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return pattern == wanted
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in re.sub(r"\*+", "*", pattern))
    return re.fullmatch("".join(parts), wanted) is not None


def _hashed(text: str, wanted: str) -> bool:
    try:
        salt, found = (base64.b64decode(part, validate=True) for part in text.split("|")[2:4])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, wanted.encode(), "sha1").digest(), found)
