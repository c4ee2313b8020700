"""nodes.yaml: read, checked, its defaults and relative paths filled in."""

from __future__ import annotations

from pathlib import Path

import msgspec

from reconciler.errors import InventoryError
from reconciler.manifests.documents import DocumentError, Reader
from reconciler.manifests.files import check_text, read_bytes
from reconciler.model.fleet import DirectorySource, Fleet, FleetSpec, HostedSource, NodeSpec


def load_fleet(path: Path) -> Fleet:
    """The inventory, ready to use. Raises `InventoryError` with every finding, each with its line."""
    try:
        documents = [d for d in Reader(check_text(read_bytes(path))).documents() if d is not None]
        fleet = msgspec.convert(documents[0], Fleet)
    except DocumentError as error:
        raise InventoryError(error.message, where=f"{path}:{error.line}", remedy=error.remedy) from None
    except (msgspec.ValidationError, IndexError) as error:
        raise InventoryError(str(error), where=str(path)) from None
    return settled(fleet, path.resolve().parent)


def settled(fleet: Fleet, home: Path) -> Fleet:
    """With the nodes' defaults filled in and every path absolute; relative ones start at `home`."""
    spec = fleet.spec
    nodes = tuple(_node(node, spec, home) for node in spec.nodes)
    source = msgspec.structs.replace(
        spec.source,
        directory=_directory(spec.source.directory, home),
        hosted=_hosted(spec.source.hosted, home),
    )
    if source.git and source.git.identity_file:
        git = msgspec.structs.replace(source.git, identity_file=absolute(source.git.identity_file, home))
        source = msgspec.structs.replace(source, git=git)
    return msgspec.structs.replace(fleet, spec=msgspec.structs.replace(spec, nodes=nodes, source=source))


def absolute(path: str, home: Path) -> str:
    """`~` is the user's home; relative paths start at `home`; empty stays empty."""
    return str(home / Path(path).expanduser()) if path else ""


def _node(node: NodeSpec, spec: FleetSpec, home: Path) -> NodeSpec:
    """A field that a node leaves at its default takes the fleet's."""
    plain = spec.defaults
    return msgspec.structs.replace(
        node,
        known_hosts_file=absolute(node.known_hosts_file or plain.known_hosts_file, home),
        identity_file=absolute(node.identity_file or plain.identity_file, home),
        jump=node.jump or plain.jump,
        docker_socket=node.docker_socket if node.docker_socket != _SOCKET else plain.docker_socket,
    )


_SOCKET = "/run/docker.sock"


def _directory(source: DirectorySource | None, home: Path) -> DirectorySource | None:
    return source and DirectorySource(path=absolute(source.path, home))


def _hosted(source: HostedSource | None, home: Path) -> HostedSource | None:
    return source and msgspec.structs.replace(source, path=absolute(source.path, home))
