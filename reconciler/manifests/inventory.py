"""nodes.yaml: read, checked, its defaults and relative paths filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from reconciler.errors import InventoryError
from reconciler.manifests.documents import DocumentError, Reader
from reconciler.manifests.files import check_text, read_bytes
from reconciler.manifests.judge import FLEET, why
from reconciler.manifests.locate import found_at, positions_of
from reconciler.manifests.rules import inventory as rules
from reconciler.manifests.said import Said, shown
from reconciler.model.base import typed
from reconciler.model.finding import Finding
from reconciler.model.fleet import (
    DirectorySource,
    Fleet,
    FleetSpec,
    HostedSource,
    NetworkSpec,
    NodeDefaults,
    NodeSpec,
)

DOCKER_SOCKET = NodeDefaults().docker_socket


def load_fleet(path: Path) -> Fleet:
    """The inventory, ready to use. Raises `InventoryError` with every error, each with its line."""
    fleet, findings = read_fleet(path)
    errors = [finding for finding in findings if finding.severity == "error"]
    if fleet is None or errors:
        raise InventoryError("\n".join(str(finding) for finding in errors))
    return settled(fleet, path.resolve().parent)


def fleet_findings(path: Path) -> tuple[Finding, ...]:
    """What is to be said of an inventory, warnings and notes included."""
    return tuple(read_fleet(path)[1])


def read_fleet(path: Path) -> tuple[Fleet | None, list[Finding]]:
    """As written, and everything that was found. Never raises for what the file holds."""
    try:
        data = check_text(read_bytes(path))
        documents = list(Reader(data).documents())
    except DocumentError as error:
        return None, [
            Finding(file=str(path), line=error.line, column=error.column, message=error.message,
                    remedy=error.remedy, rule="yaml")
        ]  # fmt: skip
    number, value = _fleet_of(documents)
    if value is None:
        message = "holds no object of kind Fleet"
        remedy = "write apiVersion: reconciler.io/v1, kind: Fleet; `reconciler init` makes an example"
        return None, [Finding(file=str(path), message=message, remedy=remedy, rule="kind")]
    fleet, said = judge_fleet(value)
    return fleet, found_at(said, str(path), positions_of(data) if said else [], number, (), FLEET)


def _fleet_of(documents: Sequence[Any]) -> tuple[int, dict[str, Any] | None]:
    for number, value in enumerate(documents):
        if isinstance(value, dict) and value.get("kind") == FLEET:
            return number, value
    return 0, None


def judge_fleet(value: dict[str, Any]) -> tuple[Fleet | None, tuple[Said, ...]]:
    """The inventory, None if it can't be one, and what was found."""
    if not isinstance(value.get("apiVersion"), str):
        message = f"expected reconciler.io/v1, found {shown(value.get('apiVersion'))}"
        return None, (Said(("apiVersion",), message, "write apiVersion: reconciler.io/v1", rule="kind"),)
    try:
        fleet = msgspec.convert(value, typed(Fleet))
    except msgspec.ValidationError as error:
        return None, tuple(why(value, Fleet, error))
    return fleet, tuple(rules.check(fleet))


def settled(fleet: Fleet, home: Path) -> Fleet:
    """With the nodes' defaults filled in and every path absolute; relative ones start at `home`."""
    spec = fleet.spec
    source = replace(
        spec.source,
        directory=_directory(spec.source.directory, home),
        hosted=_hosted(spec.source.hosted, home),
        git=spec.source.git
        and replace(spec.source.git, identity_file=absolute(spec.source.git.identity_file, home)),
    )
    hook = spec.serve.webhook
    serve = replace(spec.serve, webhook=hook and replace(hook, secret_file=absolute(hook.secret_file, home)))
    nodes = tuple(_node(node, spec, home) for node in spec.nodes)
    network = _network(spec.network, home)
    return replace(fleet, spec=replace(spec, nodes=nodes, source=source, serve=serve, network=network))


def absolute(path: str, home: Path) -> str:
    """`~` is the user's home; relative paths start at `home`; empty stays empty."""
    return str(home / Path(path).expanduser()) if path else ""


def _node(node: NodeSpec, spec: FleetSpec, home: Path) -> NodeSpec:
    """A field that a node leaves at its default takes the fleet's."""
    plain = spec.defaults
    own_socket = node.docker_socket != DOCKER_SOCKET
    return replace(
        node,
        known_hosts_file=absolute(node.known_hosts_file or plain.known_hosts_file, home),
        identity_file=absolute(node.identity_file or plain.identity_file, home),
        jump=node.jump or plain.jump,
        docker_socket=node.docker_socket if own_socket else plain.docker_socket,
    )


def _network(network: NetworkSpec, home: Path) -> NetworkSpec:
    acme = network.ingress.acme
    if acme is None or not acme.ca_file:
        return network
    acme = replace(acme, ca_file=absolute(acme.ca_file, home))
    return replace(network, ingress=replace(network.ingress, acme=acme))


def _directory(source: DirectorySource | None, home: Path) -> DirectorySource | None:
    return source and DirectorySource(path=absolute(source.path, home))


def _hosted(source: HostedSource | None, home: Path) -> HostedSource | None:
    return source and replace(source, path=absolute(source.path, home))
