"""A node's /etc: the host's, with root able to log in by key, and `pi`, who is in the docker group.

It is a copy of the whole folder, mounted over /etc inside the node. The host's is read, never written; and
nothing is mounted over its files: a package that is installed meanwhile replaces /etc/passwd, and with the
file that a mount lies on the kernel takes the mount away, in every node.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from reconciler.lab.requirements import program

USER, USER_ID = "pi", 61077
GROUP, GROUP_ID = "docker", 61078
ROOT_HOME = "/run/root"
"""Empty. Whoever runs the lab has shell start-up files in his own: they are no node's, and cost time."""
MAPPED_ID = 100000
"""What root of a container is on a node whose engine has `"userns-remap": "pi"`."""


def write(directory: Path, etc: Path = Path("/etc")) -> None:
    """Into `directory`. What vanishes while it is copied, as when a package is installed, isn't missed."""
    directory.mkdir(parents=True, exist_ok=True)
    copy = [program("cp"), "-a", f"{etc}/.", str(directory)]
    subprocess.run(copy, capture_output=True, timeout=60, check=False)
    (directory / "passwd").write_text(passwd((etc / "passwd").read_text()))
    (directory / "group").write_text(group((etc / "group").read_text()))
    (directory / "shadow").touch(mode=0o600)
    (directory / "shadow").write_text(shadow((etc / "shadow").read_text()))
    for file in ("subuid", "subgid"):
        (directory / file).write_text(f"{USER}:{MAPPED_ID}:65536\n")


def passwd(text: str) -> str:
    lines = (line.split(":") for line in _without(text, USER).splitlines())
    moved = [[*each[:5], ROOT_HOME, *each[6:]] if each[0] == "root" else each for each in lines]
    found = "".join(f"{':'.join(each)}\n" for each in moved)
    return f"{found}{USER}:x:{USER_ID}:{USER_ID}:lab user:/:/bin/sh\n"


def group(text: str) -> str:
    """The docker group keeps the host's number if it has one."""
    lines = {line.split(":")[0]: line.split(":") for line in text.splitlines() if line}
    gid = lines.get(GROUP, ["", "", str(GROUP_ID)])[2]
    return _without(_without(text, USER), GROUP) + f"{USER}:x:{USER_ID}:\n{GROUP}:x:{gid}:{USER}\n"


def shadow(text: str) -> str:
    """`*` is "no password fits", `!` is "locked": sshd refuses a locked account even a right key."""
    return (
        _without(_without(text, USER), "root") + f"root:*:19000:0:99999:7:::\n{USER}:*:19000:0:99999:7:::\n"
    )


def _without(text: str, name: str) -> str:
    return "".join(f"{line}\n" for line in text.splitlines() if line and not line.startswith(f"{name}:"))
