"""Swarm's way to a service without IPVS: an overlay network with DNS round robin, and HAProxy behind it.

HAProxy asks Docker's DNS for `tasks.web` each second, checks the servers and tries again elsewhere, as
those who run it so for years have it. So it is no easy rival.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from benchmarks.measure import wait_for
from reconciler.lab import Lab, interpreter
from reconciler.lab.image import ImageSpec
from reconciler.lab.requirements import program

NETWORK, NAME, PORT = "peer", "haproxy", 8090
SERVICE = ("--network", NETWORK, "--endpoint-mode", "dnsrr")
"""What a service behind it is created with."""

CONFIG = f"""\
global
    maxconn 4000
resolvers docker
    nameserver dns 127.0.0.11:53
    resolve_retries 3
    timeout resolve 1s
    timeout retry 1s
    hold valid 1s
    hold other 1s
    hold nx 1s
    hold obsolete 1s
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response
frontend web
    bind :{PORT}
    stats uri /_stats
    default_backend web
backend web
    balance roundrobin
    option httpchk GET /healthz
    default-server check inter 500ms fall 1 rise 1 resolvers docker init-addr none
    server-template web 12 tasks.web:8080
"""


def image(lab: Lab) -> str:
    """This machine's own HAProxy with the configuration."""
    binary = Path(program("haproxy"))
    with TemporaryDirectory() as folder:
        interpreter.copy_program(binary, Path(folder))
        (Path(folder) / "haproxy.cfg").write_text(CONFIG)
        start = (str(binary), "-db", "-f", "/haproxy.cfg")
        return lab.image("haproxy:peer", ImageSpec(directory=Path(folder), entrypoint=start, ports=(PORT,)))


@contextmanager
def proxy(lab: Lab, node: str) -> Iterator[str]:
    """The network, and HAProxy in it on `node`, published there; yields the URL."""
    reference = image(lab)
    lab.docker(lab.nodes[0].name, "network", "create", "-d", "overlay", "--attachable", NETWORK)
    try:
        lab.docker(node, "run", "-d", "--name", NAME, "--network", NETWORK, "-p", f"{PORT}:{PORT}", reference)
        try:
            yield f"http://{lab.node(node).ip}:{PORT}/"
        finally:
            lab.docker(node, "rm", "-f", NAME)
    finally:
        wait_for(lambda: _removed(lab))


def _removed(lab: Lab) -> bool:
    """Swarm refuses while a task that ends still holds it."""
    manager = lab.nodes[0].name
    lab.exec(manager, ["docker", "network", "rm", NETWORK], check=False)
    return NETWORK not in lab.docker(manager, "network", "ls", "--format", "{{.Name}}").split()


def servers(url: str) -> int:
    """How many are in rotation, by the proxy's word."""
    with urlopen(f"{url}_stats;csv", timeout=2) as answer:
        rows = csv.DictReader(io.TextIOWrapper(answer))
        return sum(
            row["svname"].startswith("web") and row["# pxname"] == "web" and row["status"] == "UP"
            for row in rows
        )


def task(lab: Lab, node: str) -> str:
    """The address of one task of `web` on this node. It lives until the next roll."""
    form = f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}'
    return lab.docker(node, "inspect", "--format", form, _tasks(lab, node)[0])


def kill(lab: Lab, node: str) -> None:
    lab.docker(node, "kill", _tasks(lab, node)[0])


def _tasks(lab: Lab, node: str) -> list[str]:
    return lab.docker(node, "ps", "-q", "--filter", "label=com.docker.swarm.service.name=web").split()
