"""What a lab gives to whoever uses it: nodes.yaml, known_hosts, a key."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.lab import sshd
from reconciler.lab.state import LabState


def identity(directory: Path) -> Path:
    return directory / "identity"


def known_hosts(directory: Path) -> Path:
    return directory / "known_hosts"


def nodes_yaml(directory: Path) -> Path:
    return directory / "nodes.yaml"


def write(state: LabState) -> None:
    """Needs the nodes' host keys."""
    lines = (f"{node.ip} {sshd.public_key(sshd.host_key(node))}\n" for node in state.nodes)
    known_hosts(state.directory).write_text("".join(lines))
    nodes_yaml(state.directory).write_text(text(state))


def text(state: LabState) -> str:
    """Strings that hold a path are written as JSON, which YAML reads whatever the path contains."""
    nodes = "".join(f"    - name: {node.name}\n      address: {node.address}\n" for node in state.nodes)
    return f"""\
# The inventory of lab "{state.name}". Images: {state.registry}
apiVersion: reconciler.io/v1
kind: Fleet
metadata:
  name: {state.name}
spec:
  defaults:
    knownHostsFile: {json.dumps(str(known_hosts(state.directory)))}
    identityFile: {json.dumps(str(identity(state.directory)))}
  nodes:
{nodes}"""
