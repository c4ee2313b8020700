"""Which host keys are trusted for a node, and the refusal of any other. Never accepts one by itself.

Keys pinned in nodes.yaml (`hostKey`) are the whole truth for that node; without them the
known_hosts files decide, hashed entries included.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from reconciler.engine.connection.address import Endpoint
from reconciler.engine.connection.knownhosts import REVOKED, lines_of, revoked_keys
from reconciler.errors import HostKeyRefused, InventoryError


@dataclass(frozen=True)
class HostKey:
    """`kind` as SSH names it (`ssh-ed25519`), `blob` the public key's bytes."""

    kind: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it: `SHA256:...`."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    def __str__(self) -> str:
        return f"{self.kind} {self.fingerprint}"


@dataclass(frozen=True)
class Trust:
    """The keys that one endpoint may show, and where they were found."""

    keys: tuple[HostKey, ...]
    source: str
    revoked: tuple[HostKey, ...] = ()
    revoked_in: str = ""
    pinned_in: str = ""
    """Of a jump host: the file where its key is to be, since nodes.yaml has no place for it."""

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(k.kind for k in self.keys))

    def check(self, node: str, known_as: str, shown: HostKey) -> None:
        """Raises `HostKeyRefused` unless `shown` is one of the keys."""
        if shown in self.revoked:
            raise HostKeyRefused(
                f"the host key of {known_as} is revoked in {self.revoked_in}: {shown}",
                node=node,
                remedy="give that machine a new host key (`ssh-keygen -A` after removing the old one)",
            )
        if shown in self.keys:
            return
        pin = f"reconciler nodes trust {node}"
        if self.pinned_in:
            pin = (
                f"write this line into {self.pinned_in}, in place of any other of it: {known_as} {shown.line}"
            )
        remedy = f"if that is expected, pin the new key after checking it: {pin}"
        if not self.keys:
            raise HostKeyRefused(
                f"the host key of {known_as} is unknown: it shows {shown}, {self.source} has none for it",
                node=node,
                remedy=f"check that fingerprint on that machine, then: {pin}",
            )
        known = ", ".join(str(k) for k in self.keys)
        raise HostKeyRefused(
            f"the host key of {known_as} has CHANGED: it shows {shown}, {self.source} has {known}. "
            "Either the node was reinstalled or somebody sits in between",
            node=node,
            remedy=remedy,
        )


def pinned(node: str, text: str) -> tuple[HostKey, ...]:
    """The keys of a `hostKey` value: lines of `[host] type base64 [comment]`. Raises `InventoryError`."""
    return tuple(_parse(node, line) for line in text.splitlines() if line.strip() and line.strip()[0] != "#")


def _parse(node: str, line: str) -> HostKey:
    words = line.split()
    for kind, blob in pairwise(words):
        if kind.startswith(("ssh-", "ecdsa-", "sk-")):
            try:
                return HostKey(kind, base64.b64decode(blob, validate=True))
            except binascii.Error:
                break
    raise InventoryError(
        f'not a host key: "{line[:60]}"',
        where=f"node {node} hostKey",
        remedy="write it as in a .pub file (`ssh-ed25519 AAAA...`), or let `reconciler nodes trust` write it",
    )


def trusted(node: str, endpoint: Endpoint, host_key: str, *, last: bool = True) -> Trust:
    """What may be shown by `endpoint`. A pinned key speaks for the node itself, not for its jump hosts."""
    if last and host_key.strip():
        return Trust(pinned(node, host_key), "nodes.yaml")
    found = [line for file in endpoint.known_hosts for line in lines_of(Path(file), endpoint.names)]
    if endpoint.revoked_keys:
        found += revoked_keys(Path(endpoint.revoked_keys))
    files = endpoint.known_hosts[:1]
    return Trust(
        tuple(HostKey(line.kind, line.blob) for line in found if not line.marker),
        " and ".join(files) or "no known_hosts file",
        tuple(HostKey(line.kind, line.blob) for line in found if line.marker == REVOKED),
        " or ".join((*files, *filter(None, [endpoint.revoked_keys]))),
        "" if last else "".join(files),
    )
