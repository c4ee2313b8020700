"""Further sshds on a lab's node, each with settings of its own, beside the one that the lab runs."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection

import msgspec

from reconciler.lab import Lab
from reconciler.manifests.inventory import load_fleet
from reconciler.model.fleet import NodeSpec

_PORTS = itertools.count(2200)


def spec_of(lab: Lab, index: int = 0, **changes: str) -> NodeSpec:
    return msgspec.structs.replace(load_fleet(lab.nodes_yaml).spec.nodes[index], **changes)


@contextmanager
def sshd(lab: Lab, folder: Path, *settings: str, user: str = "root") -> Iterator[NodeSpec]:
    """The first node by another way in, its host key pinned. sshd takes the first value of a setting."""
    node, port = lab.nodes[0], next(_PORTS)
    base = (node.directory / "ssh" / "sshd_config").read_text()
    plain = [line for line in base.splitlines() if not line.startswith(("ListenAddress", "PidFile"))]
    config = folder / f"sshd_config_{port}"
    pid = folder / f"sshd_{port}.pid"
    config.write_text(
        "\n".join([*settings, f"ListenAddress {node.ip}:{port}", f"PidFile {pid}", *plain]) + "\n"
    )
    lab.exec(node.name, ["/usr/sbin/sshd", "-f", str(config)])
    _wait(node.ip, port)
    try:
        key = (node.directory / "ssh" / "host_key.pub").read_text()
        yield spec_of(lab, address=f"ssh://{user}@{node.ip}:{port}", host_key=key)
    finally:
        lab.exec(node.name, ["kill", pid.read_text().strip()], check=False)


def _wait(host: str, port: int) -> None:
    limit = time.monotonic() + 10
    while True:
        try:
            create_connection((host, port), 1).close()
            return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.02)
