"""A lab on disk: what it is called, where it lives, what it was given. Written before any effect."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from reconciler.errors import LabError
from reconciler.model.base import Value, typed

SOCKET_PATH_LIMIT = 107
"""Bytes of a Unix socket's path (sun_path, with its closing zero)."""


class LabNode(Value):
    """One node. `address` is for nodes.yaml, `socket` the host's path to its Docker socket."""

    name: str
    ip: str
    index: int
    directory: Path

    @property
    def address(self) -> str:
        return f"ssh://root@{self.ip}:22"

    @property
    def socket(self) -> Path:
        return self.directory / "run" / "docker.sock"

    @property
    def docker_host(self) -> str:
        return f"unix://{self.socket}"


class LabState(Value):
    """`directory` identifies a lab; `subnet` is its first three octets, `bridge` its interface."""

    name: str
    directory: Path
    subnet: str = ""
    bridge: str = ""
    prefix: str = "pi"
    count: int = 0
    engine: Path | None = None
    """A folder with another engine in its `bin`, or with a `daemon.json` for it; None: this machine's own."""
    owner: str = ""
    """`pid:start time` of the process that the lab shall not outlive; empty for a person's lab."""

    @property
    def id(self) -> str:
        return identity_of(self.directory)

    @property
    def gateway(self) -> str:
        return f"{self.subnet}.1"

    @property
    def registry(self) -> str:
        return f"{self.gateway}:5000"

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        return tuple(self._node(index) for index in range(1, self.count + 1))

    def _node(self, index: int) -> LabNode:
        name = f"{self.prefix}-{index}"
        return LabNode(
            name=name,
            ip=f"{self.subnet}.{10 + index}",
            index=index,
            directory=self.directory / "nodes" / name,
        )

    def node(self, name: str) -> LabNode:
        """Raises LabError for a name that no node has."""
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes)
        raise LabError(f"no node {name}", where=f"lab {self.name}", remedy=f"its nodes are {names}")


def identity_of(directory: Path) -> str:
    """Ten hex digits that stand for a lab in names which others see: cgroups, a bridge's address."""
    return hashlib.sha256(os.fsencode(directory.absolute())).hexdigest()[:10]


def state_root() -> Path:
    """$XDG_STATE_HOME/reconciler/lab (XDG base directory specification; ~/.local/state by default)."""
    base = os.environ.get("XDG_STATE_HOME", "")
    home = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return home / "reconciler" / "lab"


def directory_of(name: str, directory: Path | None = None) -> Path:
    return (directory or state_root() / name).absolute()


def parents_of(directory: Path) -> list[Path]:
    """The folders above a lab in the default place, which are ours to remove once they are empty."""
    root = state_root()
    return [root, root.parent] if directory.parent == root else []


def state_file(directory: Path) -> Path:
    return directory / "lab.json"


def draft_file(directory: Path) -> Path:
    return directory / "lab.json.new"


def save(state: LabState) -> None:
    """Atomic: a reader sees the old state or the new one."""
    path = state_file(state.directory)
    draft = draft_file(state.directory)
    draft.write_bytes(msgspec.json.encode(state, enc_hook=str))
    draft.replace(path)


def load(directory: Path) -> LabState | None:
    """None when there is no lab. Raises LabError for a file that isn't a lab's state."""
    try:
        raw = state_file(directory).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return msgspec.json.decode(raw, type=typed(LabState), dec_hook=lambda kind, value: kind(value))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise LabError(f"not a lab's state: {error}", where=str(state_file(directory))) from error


def check_socket_path(state: LabState) -> None:
    for node in state.nodes:
        length = len(os.fsencode(node.socket))
        if length > SOCKET_PATH_LIMIT:
            raise LabError(
                f"{node.socket} has {length} bytes, a Unix socket's path at most {SOCKET_PATH_LIMIT}",
                where=f"lab {state.name}",
                remedy="choose a shorter --dir",
            )
