"""What a lab needs of the machine. It only looks; it installs nothing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable

from reconciler.errors import LabError
from reconciler.lab.command import succeeds

PROGRAMS = {
    "dockerd": "docker.io",
    "docker": "docker.io",
    "containerd": "containerd",
    "sshd": "openssh-server",
    "ssh-keygen": "openssh-client",
    "docker-registry": "docker-registry",
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "busybox": "busybox-static",
}
"""Program -> the Debian package that has it. Another vendor's `dockerd` serves as well."""

NAMESPACES = ("--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What a node has of its own, in `unshare`'s words."""

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str) -> str:
    """The absolute path of a program, also where a user's PATH leaves /usr/sbin out."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}")
    if not found:
        raise missing([name])
    return found


def missing_programs(names: Iterable[str] = PROGRAMS) -> list[str]:
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    return [name for name in names if not shutil.which(name, path=path)]


def missing_packages() -> list[str]:
    """Debian packages to install for a lab; empty when everything is there.

    A program that is there, whoever made it, is never asked for: another vendor's Docker stays.
    """
    return packages(missing_programs())


def packages(names: list[str]) -> list[str]:
    """Debian split Docker's command line from its engine; an engine that is there isn't asked for again."""
    found = {PROGRAMS[name] for name in names}
    if "docker" in names and "dockerd" not in names:
        found = (found - {"docker.io"}) | {"docker-cli"}
    return sorted(found)


def missing(names: list[str]) -> LabError:
    wanted = " ".join(packages([name for name in names if name in PROGRAMS]))
    remedy = f"apt-get install --no-install-recommends {wanted}" if wanted else ""
    return LabError(f"a lab needs {', '.join(names)}, which this machine doesn't have", remedy=remedy)


def check() -> None:
    """Raises LabError, one sentence, when no lab can run here."""
    check_machine()
    if names := missing_programs():
        raise missing(names)
    if not succeeds([program("unshare"), *NAMESPACES, "true"]):
        raise LabError("a lab needs namespaces, and this container's root may not make any")


def check_machine() -> None:
    """Raises LabError without Linux or root: what even removing a lab needs."""
    if sys.platform != "linux":
        raise LabError(f"a lab needs Linux's namespaces, and this is {sys.platform}")
    if os.geteuid() != 0:
        raise LabError("a lab needs root: it makes network namespaces and starts Docker engines")
