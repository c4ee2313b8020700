"""Fetches a node's host key and writes it down where the inventory wants it. Asks nobody: the caller does.

The files are edited as text, so that comments and layout stay, and read again before they replace the
old ones.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from reconciler.bounded import read_file
from reconciler.engine.connection.address import route
from reconciler.engine.connection.connect import arrive, greet, shown_key
from reconciler.engine.connection.hostkeys import HostKey, trusted
from reconciler.errors import InventoryError
from reconciler.model.base import Value
from reconciler.model.fleet import NodeSpec

if TYPE_CHECKING:
    import paramiko

TIMEOUT = 10.0


class Offer(Value):
    """The key that a node shows now, beside what is trusted so far. `file` is where it would be written."""

    node: str
    known_as: str
    key: HostKey
    trusted: tuple[HostKey, ...]
    file: Path

    @property
    def is_trusted(self) -> bool:
        return self.key in self.trusted


def fetch(spec: NodeSpec, inventory: Path) -> Offer:
    """Raises `NodeUnreachable` (also when a jump host in between isn't trusted), `InventoryError`."""
    path = route(spec)
    endpoint = path.target
    trust = trusted(spec.name, endpoint, spec.host_key)
    hops = arrive(spec, path, TIMEOUT, at_the_door=True)
    try:
        transport = greet(spec.name, endpoint, TIMEOUT, hops)
        key = shown_key(transport)
        transport.close()
    finally:
        for hop in reversed(hops):
            hop.close()
    in_file = spec.known_hosts_file and not spec.host_key
    file = Path(spec.known_hosts_file) if in_file else inventory
    return Offer(node=spec.name, known_as=endpoint.known_as, key=key, trusted=trust.keys, file=file)


def pin(offer: Offer, inventory: Path) -> None:
    """Write the key down, in place of those of that node. Raises `InventoryError`."""
    if offer.file == inventory:
        text = _read(inventory)
        replace_file(inventory, with_host_key(text, offer.node, offer.key.line, str(inventory)))
    else:
        text = _read(offer.file) if offer.file.exists() else ""
        replace_file(offer.file, with_known_host(text, offer.known_as, offer.key))


def with_host_key(text: str, node: str, line: str, where: str = "nodes.yaml") -> str:
    """The inventory's text with `hostKey: line` in the node's entry, and nothing else changed."""
    entry = _entry(text, node, where)
    pairs = {key.value: (key, value) for key, value in entry.value}
    if "hostKey" in pairs:
        old = pairs["hostKey"][1]
        tail = "\n" if text[old.start_mark.index : old.end_mark.index].endswith("\n") else ""
        fresh = text[: old.start_mark.index] + line + tail + text[old.end_mark.index :]
    else:
        key, value = pairs["address"]
        gap = ", " if entry.flow_style else "\n" + " " * key.start_mark.column
        end = value.end_mark.index
        rest = text[end:]
        comment = "" if entry.flow_style else rest.partition("\n")[0]
        end += len(comment)
        fresh = text[:end] + f"{gap}hostKey: {line}" + text[end:]
    _verify(text, fresh, node, line, where)
    return fresh


def with_known_host(text: str, known_as: str, key: HostKey) -> str:
    """A known_hosts file's text in which `key` is the only one of `known_as`."""
    kept = [fresh for line in text.splitlines() if (fresh := _without(line, known_as)) is not None]
    return "\n".join([*kept, f"{known_as} {key.line}"]) + "\n"


def replace_file(path: Path, text: str) -> None:
    """All or nothing, with the old file's permissions."""
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(mode)
        Path(file.name).replace(path.resolve())
    except OSError as error:
        raise InventoryError(f"can't be written: {error.strerror}", where=str(path)) from error


MOST_INVENTORY = 16 << 20


def _read(path: Path) -> str:
    try:
        return read_file(path, MOST_INVENTORY).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(f"can't be read: {error}", where=str(path)) from error


def _entry(text: str, node: str, where: str) -> Any:
    """The YAML mapping node of this fleet node."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = _child(_child(root, "spec"), "nodes")
    for entry in found.value if isinstance(found, yaml.SequenceNode) else ():
        name = _child(entry, "name")
        if isinstance(name, yaml.ScalarNode) and name.value == node:
            return entry
    raise InventoryError(f'it has no node "{node}"', where=where)


def _child(parent: Any, key: str) -> Any:
    pairs = parent.value if isinstance(parent, yaml.MappingNode) else ()
    return next((value for name, value in pairs if name.value == key), None)


def _verify(old: str, fresh: str, node: str, line: str, where: str) -> None:
    """The edit did what it should, and only that."""
    before, after = yaml.safe_load(old), yaml.safe_load(fresh)
    for entry in before["spec"]["nodes"]:
        if entry["name"] == node:
            entry["hostKey"] = line
    if before != after:
        raise InventoryError(
            "its layout is too unusual to be edited",
            where=where,
            remedy=f"add this line to node {node} yourself: `hostKey: {line}`",
        )


def _without(line: str, known_as: str) -> str | None:
    """A line of a known_hosts file without this host, hashed or not; None if it is about nobody else."""
    import paramiko
    from paramiko.hostkeys import HostKeyEntry

    entry = None
    with contextlib.suppress(paramiko.SSHException):
        entry = HostKeyEntry.from_line(line)
    if entry is None or entry.key is None:
        return line
    names = entry.hostnames or []
    others = [name for name in names if not _is(name, known_as, entry.key)]
    if len(others) == len(names):
        return line
    return line.replace(",".join(names), ",".join(others), 1) if others else None


def _is(name: str, known_as: str, key: paramiko.PKey) -> bool:
    """Whether a name in a known_hosts file, hashed or not, stands for this host."""
    import paramiko

    keys = paramiko.HostKeys()
    keys.add(name, key.get_name(), key)
    return keys.lookup(known_as) is not None
