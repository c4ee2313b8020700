"""A node: namespaces of its own, and in them a first process that everything else hangs on.

`ip netns exec` would hide the cgroup mounts from dockerd; `unshare` and `nsenter` leave them. A process
namespace makes a power cut of SIGKILL to one process: the kernel then kills engine, containers and
sessions, drops the mounts and takes the network namespace with its end of the link.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from reconciler.errors import LabError
from reconciler.lab import accounts, engine, network, process
from reconciler.lab.requirements import NAMESPACES, program
from reconciler.lab.state import LabNode, LabState

FOLDERS = ("run", "docker", "log", "ssh", "etc", "lib")


def boot_script(state: LabState, node: LabNode) -> str:
    """What the first process runs (dash). It first says that its namespaces are there, then waits for
    its link; if `up` dies meanwhile, the read fails and the node with it. In the end it reaps orphans,
    as the first process must.

    Its mounts are shared with each other, as systemd has them and `unshare` hasn't. A dockerd that finds
    them private binds its data over itself and takes that away when it ends: what an ending engine still
    had mounted below then lies under the next one's, out of its reach, and its container can never be
    removed ("device or resource busy").
    """
    here = shlex.quote(str(node.directory))
    return f"""\
set -e
echo ready; read go
exec </dev/null >>{here}/log/boot.log 2>&1
hostname {node.name}
mount --bind {here}/run /run
mount --bind {here}/log /var/log
mount --bind {here}/etc /etc
{_own_lib(node)}
mount --make-rshared /
ip link set lo up
ip addr add {node.ip}/24 dev eth0
ip link set eth0 up
ip route add default via {state.gateway}
mkdir -p /run/sshd {accounts.ROOT_HOME}
cp {here}/ssh/authorized_keys /run/sshd/
{program("sshd")} -f {here}/ssh/sshd_config -E {here}/log/sshd.log
{engine_script(state, node)}
set +e
sleep infinity &
while :; do wait; done
"""


def _own_lib(node: LabNode) -> str:
    """What a node is given to keep in /var/lib is its own. Not where the lab itself lies there: it would be
    hidden.
    """
    own = node.directory / "lib"
    return "" if own.is_relative_to("/var/lib") else f"mount --bind {shlex.quote(str(own))} /var/lib"


def engine_script(state: LabState, node: LabNode) -> str:
    log = shlex.quote(str(node.directory / "log" / "dockerd.log"))
    return f"setsid {shlex.join(engine.arguments(state, node))} </dev/null >>{log} 2>&1 &"


def boot(state: LabState, node: LabNode) -> None:
    """Switch it on. Its engine may take a moment yet (`engine.wait`). /run begins empty, as on a machine."""
    for folder in FOLDERS:
        (node.directory / folder).mkdir(parents=True, exist_ok=True)
    _empty(node.directory / "run")
    child = _unshare(state, node)
    assert child.stdin and child.stdout
    with child.stdin as stdin, child.stdout as stdout:
        if stdout.readline() != b"ready\n":
            raise LabError(
                _first_words(node),
                where=f"node {node.name}",
                remedy="is this a container without privileges?",
            )
        network.connect(state, node, child.pid)
        stdin.write(b"go\n")


def _unshare(state: LabState, node: LabNode) -> subprocess.Popen[bytes]:
    with (node.directory / "log" / "boot.log").open("ab") as log:
        return subprocess.Popen(
            [program("unshare"), *NAMESPACES, "/bin/sh", "-c", boot_script(state, node)],
            env=process.marked(state.directory, node.name),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )


def _first_words(node: LabNode) -> str:
    said = (node.directory / "log" / "boot.log").read_text(errors="replace").strip()
    return f"its namespaces can't be made: {said.splitlines()[-1] if said else 'unshare said nothing'}"


def _empty(directory: Path) -> None:
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def first_process(state: LabState, node: LabNode) -> int | None:
    """The host's number of what the node hangs on; None when the node is off."""
    return next((pid for pid in process.find(state.directory, node.name) if process.is_first(pid)), None)


def cut_power(state: LabState, node: LabNode) -> None:
    """As pulling the plug: nothing gets a chance to write or to say goodbye."""
    process.kill(state.directory, process.find(state.directory, node.name))


def entering(state: LabState, node: LabNode) -> list[str]:
    """The words before a command that make it run on the node. Raises LabError when the node is off."""
    pid = first_process(state, node)
    if pid is None:
        raise LabError("it is off", where=f"node {node.name}", remedy=f"reconciler lab start {node.name}")
    return [
        program("nsenter"),
        "--target",
        str(pid),
        "--net",
        "--mount",
        "--uts",
        "--ipc",
        "--pid",
        "--wd=/",
        "--",
    ]


def in_network_of(pid: int, resolv_conf: str = "", hosts: str = "") -> list[str]:
    """The words before a command on a node that put it into the network of the node's process `pid`, with
    these files in the place of the machine's own.
    """
    files = [(resolv_conf, "/etc/resolv.conf"), (hosts, "/etc/hosts")]
    mounts = "".join(
        f"mount --bind {shlex.quote(file)} {place} && "
        for file, place in files
        if file and Path(place).exists()
    )
    enter = [program("nsenter"), "--target", str(pid), "--net", "--"]
    return [*enter, program("unshare"), "--mount", "/bin/sh", "-c", f'{mounts}exec "$@"', "sh"]
