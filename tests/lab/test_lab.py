"""The lab itself, on this machine: what runs, what it answers, what a cut and a kill do."""

from __future__ import annotations

import socket
import subprocess
import time
from urllib.request import urlopen

import pytest

from reconciler.errors import LabError
from reconciler.lab import Lab

pytestmark = pytest.mark.fleet


def ssh(lab: Lab, user: str, ip: str, command: str) -> subprocess.CompletedProcess[str]:
    options = [
        "-F",
        "none",
        "-o",
        f"UserKnownHostsFile={lab.known_hosts}",
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=10",
    ]
    argv = ["ssh", *options, "-o", "IdentitiesOnly=yes", "-i", str(lab.identity), f"{user}@{ip}", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("user", ["root", "pi"])
def test_ssh_with_the_labs_key_reaches_each_nodes_own_engine(lab: Lab, user: str) -> None:
    answers = [ssh(lab, user, node.ip, "hostname; docker info -f '{{.ID}} {{.Name}}'") for node in lab.nodes]
    assert [a.returncode for a in answers] == [0, 0, 0], answers
    assert [a.stdout.splitlines()[0] for a in answers] == [node.name for node in lab.nodes]
    assert len({a.stdout for a in answers}) == 3


def test_ids_of_engines_differ(lab: Lab) -> None:
    assert len({lab.docker(node.name, "info", "-f", "{{.ID}}") for node in lab.nodes}) == 3


def test_a_published_port_serves_the_image(clean_lab: Lab) -> None:
    node = clean_lab.nodes[0]
    clean_lab.docker(node.name, "run", "-d", "-p", "80:8080", f"{clean_lab.registry}/web:v2")
    assert _get(f"http://{node.ip}/") == "v2\n"
    assert _get(f"http://{node.ip}/healthz") == "ok\n"


def _get(url: str) -> str:
    until = time.monotonic() + 60
    while True:
        try:
            with urlopen(url, timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_cut_drops_and_heal_restores(clean_lab: Lab) -> None:
    node = clean_lab.nodes[1]
    clean_lab.cut(node.name)
    with pytest.raises(OSError):
        socket.create_connection((node.ip, 22), timeout=0.5).close()
    assert clean_lab.status()[1].link == "cut"
    clean_lab.heal(node.name)
    socket.create_connection((node.ip, 22), timeout=5).close()


def test_a_power_cut_ends_everything_and_start_brings_restarting_containers_back(clean_lab: Lab) -> None:
    node = clean_lab.nodes[2]
    image = f"{clean_lab.registry}/sleeper:v1"
    clean_lab.docker(node.name, "run", "-d", "--restart", "always", "--name", "stays", image)
    clean_lab.docker(node.name, "run", "-d", "--name", "goes", image)
    clean_lab.kill(node.name)
    status = clean_lab.status()[2]
    assert (status.power, status.link, status.engine) == ("off", "none", "silent")
    with pytest.raises(LabError, match="it is off"):
        clean_lab.exec(node.name, ["true"])
    clean_lab.start(node.name)
    until = time.monotonic() + 60
    while clean_lab.docker(node.name, "ps", "--format", "{{.Names}}") != "stays":
        assert time.monotonic() < until
        time.sleep(0.05)


def test_stop_engine_leaves_the_node_and_kill_leaves_the_containers(clean_lab: Lab) -> None:
    node = clean_lab.nodes[0]
    clean_lab.docker(node.name, "run", "-d", "--name", "one", f"{clean_lab.registry}/sleeper:v1")

    def running() -> list[str]:
        return clean_lab.exec(node.name, ["pgrep", "-f", "sleep 2147483647"], check=False).stdout.split()

    until = time.monotonic() + 60  # it is runc's at first, also when it is called started
    while len(before := running()) < 2:  # the shell, and what it waits for
        assert time.monotonic() < until
        time.sleep(0.05)
    clean_lab.stop_engine(node.name, signal="KILL")
    assert clean_lab.status()[0].engine == "silent"
    assert running() == before
    clean_lab.start_engine(node.name)
    assert clean_lab.status()[0].engine == "ready"


def test_what_an_ending_engine_left_mounted_keeps_no_container_from_being_removed(clean_lab: Lab) -> None:
    """The next engine finds the mount where it looks for it, as on a machine that systemd has booted."""
    name = clean_lab.nodes[1].name
    container = clean_lab.docker(name, "run", "-d", f"{clean_lab.registry}/web:v1")
    mounts = clean_lab.exec(name, ["cat", "/proc/mounts"]).stdout.splitlines()
    (root,) = (mount.split()[1] for mount in mounts if mount.startswith("overlay "))
    clean_lab.stop_engine(name)
    clean_lab.exec(name, ["sh", "-c", f"mkdir -p {root} && mount -t tmpfs none {root}"])
    clean_lab.start_engine(name)
    clean_lab.docker(name, "rm", "--force", container)
    assert clean_lab.docker(name, "ps", "--all", "--quiet") == ""


def test_exec_says_what_failed(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"node pi-1: `sh -c 'echo no >&2; exit 4'` exited 4: no"):
        lab.exec("pi-1", ["sh", "-c", "echo no >&2; exit 4"])


def test_an_unknown_node_is_named_with_those_that_are_there(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"no node pi-9\n  its nodes are pi-1, pi-2, pi-3"):
        lab.cut("pi-9")
