"""A node's sshd: its own host key, key authentication only, every limit as Debian ships it."""

from __future__ import annotations

import shutil
from pathlib import Path

from reconciler.lab.command import run
from reconciler.lab.requirements import program
from reconciler.lab.state import LabNode


def make_key(path: Path, comment: str) -> None:
    """An Ed25519 key pair, `path` and `path`.pub."""
    run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def public_key(path: Path) -> str:
    """`ssh-ed25519 AAAA...`, without the comment."""
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def host_key(node: LabNode) -> Path:
    return node.directory / "ssh" / "host_key"


def configure(node: LabNode, identity: Path) -> None:
    """Everything that sshd reads. MaxSessions and MaxStartups stay the defaults: nodes have those."""
    home = host_key(node).parent
    home.mkdir(parents=True, exist_ok=True)
    make_key(host_key(node), node.name)
    shutil.copyfile(identity.with_name(f"{identity.name}.pub"), home / "authorized_keys")
    (home / "sshd_config").write_text(config(node))


def config(node: LabNode) -> str:
    """The keys lie below /run, where a user who isn't root can read them wherever the lab's files are."""
    return f"""\
ListenAddress {node.ip}
HostKey "{host_key(node)}"
PidFile /run/sshd.pid
AuthorizedKeysFile /run/sshd/authorized_keys
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
Subsystem sftp internal-sftp
"""
