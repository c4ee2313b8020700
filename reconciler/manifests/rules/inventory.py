"""Rules about nodes.yaml: names and addresses taken twice, one source, a place to listen."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from reconciler.manifests.documents import Path
from reconciler.manifests.rules import disks, inventory_network
from reconciler.manifests.said import Said, shown
from reconciler.model.capacity import ANNOTATION, pair
from reconciler.model.fleet import Fleet, NodeSpec


def check(fleet: Fleet) -> Iterator[Said]:
    yield from _nodes(fleet)
    yield from _source(fleet)
    yield from inventory_network.check(fleet)
    yield from _listen(fleet.spec.serve.listen)
    yield from disks.of_fleet(fleet.spec)


def _nodes(fleet: Fleet) -> Iterator[Said]:
    if not fleet.spec.nodes:
        message = "expected at least one node, found none"
        yield Said(("spec", "nodes"), message, "add a name and an address", rule="node")
    names: set[str] = set()
    addresses: dict[str, str] = {}
    for index, node in enumerate(fleet.spec.nodes):
        path = ("spec", "nodes", index)
        if node.name in names:
            message = f'a second node is called "{node.name}"'
            yield Said((*path, "name"), message, "give each its own name", rule="duplicate")
        names.add(node.name)
        other = addresses.setdefault(node.address, node.name)
        if other != node.name:
            message = f"{shown(node.address)} is the address of {other}, too"
            yield Said((*path, "address"), message, "a machine is one node", rule="duplicate")
        yield from _address(node, (*path, "address"))
        yield from _host_key(node, (*path, "hostKey"))
        yield from _capacity(node, (*path, "annotations", ANNOTATION))


def _address(node: NodeSpec, path: Path) -> Iterator[Said]:
    if not node.address.startswith("ssh://"):
        return
    try:
        parts = urlsplit(node.address)
        good = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        good = good and parts.path in ("", "/") and parts.password is None
    except ValueError:
        good = False
    if not good:
        message = f"expected ssh://user@host:port, found {shown(node.address)}"
        yield Said(path, message, "keys open the door; passwords don't belong here", rule="address")


def _host_key(node: NodeSpec, path: Path) -> Iterator[Said]:
    for line in node.host_key.splitlines():
        words = line.split()
        if line.strip() and not (len(words) >= 2 and words[1].startswith("AAAA")):
            message = "expected a line such as ssh-ed25519 AAAA..."
            yield Said(path, message, "`reconciler nodes trust` writes it", rule="host-key")


def _capacity(node: NodeSpec, path: Path) -> Iterator[Said]:
    for part in node.annotations[ANNOTATION].split(",") if ANNOTATION in node.annotations else ():
        if pair(part) is None:
            message = f"expected resources and how many there are, found {shown(part)}"
            yield Said(path, message, "write it as nvidia.com/gpu=1,example.com/stick=2", rule="resources")


def _source(fleet: Fleet) -> Iterator[Said]:
    source = fleet.spec.source
    given = [
        name
        for name, one in (("git", source.git), ("directory", source.directory), ("hosted", source.hosted))
        if one is not None
    ]
    if len(given) > 1:
        message = f"expected one of git, directory, hosted, found {' and '.join(given)}"
        yield Said(("spec", "source"), message, "keep one", rule="one-of")
    elif not given:
        message = "names no source: `serve` needs one; `apply` and `plan` take one as an argument"
        remedy = "add git, directory or hosted"
        yield Said(("spec", "source"), message, remedy, severity="warning", rule="one-of")
    elif fleet.spec.on_abort == "revert" and source.directory is not None:
        message = "expected hold, found revert: a directory has no commits that could be taken back"
        remedy = "let spec.source name a git or hosted repository, or leave onAbort out"
        yield Said(("spec", "onAbort"), message, remedy, rule="on-abort")


def _listen(text: str) -> Iterator[Said]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        message = f"expected host:port, found {shown(text)}"
        yield Said(("spec", "serve", "listen"), message, "write it as 127.0.0.1:7420", rule="address")
