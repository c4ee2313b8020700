"""Does the node container do its work? Asked from inside it. Changes nothing.

What the programs in it answer is read by pure functions; a check is a question and such a reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any, NamedTuple

from reconciler.engine.connection.client import Engine
from reconciler.engine.dataplane.container import VERSION_LABEL, version
from reconciler.engine.dataplane.install import present
from reconciler.engine.fitness.neighbours import Neighbour
from reconciler.engine.fitness.network import VXLAN_HEADER
from reconciler.engine.fitness.network_facts import link_mtus
from reconciler.engine.fitness.report import Check
from reconciler.engine.pods import owned
from reconciler.errors import CommandTimeout
from reconciler.model.fleet import NetworkSpec

TIMEOUT = 15.0
NODE_ROLE = "node"
"""The ROLE label of a node container."""
BRIDGE, VXLAN = "reconciler0", "reconciler1"
SOCKET = "/net/run/haproxy.sock"
CHAINS = "RECONCILER-"
"""What the names of our iptables chains begin with."""
FIND_CHAINS = f"""
for tool in iptables-nft iptables-legacy; do
    rules=$($tool -t nat -S 2>&1)
    case $rules in *{CHAINS}*) echo $tool; exit 0;; esac
    printf '%s\\n' "$rules" | tail -n 1
done
exit 1
"""
PING_HEADERS = 28
"""Bytes of an IPv4 and an ICMP header."""
SMALL = 56
"""Bytes in a plain ping."""


class Inside(NamedTuple):
    """A running node container, and what its checks must know."""

    engine: Engine
    container: str
    network: NetworkSpec
    me: Neighbour
    others: tuple[Neighbour, ...]

    def ask(self, *command: str) -> tuple[int, str]:
        """Exit code and output. An answer that takes too long is one, too: code 124, as of `timeout`."""
        try:
            code, output = self.engine.exec(self.container, command, TIMEOUT)
        except CommandTimeout as error:
            return 124, error.message
        return code, output.decode(errors="replace")


def find(engine: Engine, fleet_name: str) -> dict[str, Any] | None:
    """What Docker lists of the fleet's node container on this node, running or not."""
    return present(fleet_name, owned.list_containers(engine, fleet_name))


def container(found: Mapping[str, Any]) -> Check:
    """Whether it runs, from the image that this reconciler would make."""
    name = found["Names"][0].removeprefix("/")
    if found["State"] != "running":
        return Check(
            name="node container",
            status="fail",
            found=f"{name} doesn't run: {found.get('Status') or found['State']}",
            remedy=f"see why with `docker logs {name}` on the node, then `docker start {name}`",
        )
    if (found.get("Labels") or {}).get(VERSION_LABEL) != version():
        return Check(
            name="node container",
            status="warn",
            found=f"{name} runs, from the image of another version of the reconciler",
            remedy="`reconciler apply` or `serve` of this version replaces it, node by node",
        )
    return Check(name="node container", status="ok", found=f"{name} runs, of this version")


def nat(inside: Inside) -> Check:
    """Which of the two iptables the node uses is its own affair: our chains have to be in one of them."""
    code, said = inside.ask("sh", "-c", FIND_CHAINS)
    if code == 0:
        return Check(name="nat", status="ok", found=f"the rules are there ({_first(said)})")
    return Check(
        name="nat",
        status="fail",
        found=f"the rules for services aren't there: {_first(said)}",
        remedy="on the node: `modprobe iptable_nat` (or `nft_chain_nat`); after a kernel update, reboot it",
    )


def overlay(inside: Inside) -> Check:
    """Pings the first address of every other node's slice, plain and as large as pods' packets get."""
    peers = {str(IPv4Network(n.pod_cidr)[1]): n.name for n in inside.others if n.pod_cidr and not n.error}
    absent = [n.name for n in inside.others if n.error or not n.pod_cidr]
    rest = f"; left out: {', '.join(absent)} (silent, or without a pod network yet)" if absent else ""
    if not peers:
        return Check(name="overlay", status="ok", found=f"no other node to reach yet{rest}")
    _, links = inside.ask("ip", "-o", "link", "show")
    mtu = link_mtus(links).get(VXLAN, 0)
    if not mtu:
        return Check(
            name="overlay",
            status="fail",
            found=f"there is no VXLAN device {VXLAN}",
            remedy=f"see why with `docker logs {inside.container}` on the node",
        )
    _, answer = inside.ask("sh", "-c", pings(peers, mtu))
    lost = unanswered(answer, peers)
    carried = min([m.mtu for m in (inside.me, *inside.others) if m.mtu], default=0)
    if lost.all:
        return Check(
            name="overlay",
            status="fail",
            found=f"no answer over VXLAN from {', '.join(lost.all)}{rest}",
            remedy=f"let UDP {inside.network.vxlan_port} through between the nodes in both directions, "
            "and see that their node containers run",
        )
    if lost.large or (carried and mtu > carried - VXLAN_HEADER):
        whom = f": {', '.join(lost.large)} answers small packets only" if lost.large else ""
        fits = carried - VXLAN_HEADER if carried and mtu > carried - VXLAN_HEADER else 1300
        return Check(
            name="overlay",
            status="fail",
            found=f"packets of {mtu} bytes don't fit through the links between the nodes{whom}",
            remedy=f"in nodes.yaml set spec.network.mtu to {fits} or less, or raise the links' MTU",
        )
    return Check(
        name="overlay",
        status="ok",
        found=f"{len(peers)} of {len(peers)} nodes answer packets of {mtu} bytes over VXLAN{rest}",
    )


def dns(inside: Inside) -> Check:
    """Any answer is one, also that there is no such name."""
    server = inside.network.dns
    _, said = inside.ask("nslookup", f"kubernetes.default.svc.{inside.network.cluster_domain}", server)
    if answered(said):
        return Check(name="dns", status="ok", found=f"{server} answers")
    return Check(
        name="dns",
        status="fail",
        found=f"{server} doesn't answer: {_first(said)}",
        remedy=f"see why with `docker logs {inside.container}` on the node; "
        f"`docker restart {inside.container}` sets everything up anew",
    )


def proxy(inside: Inside) -> Check:
    code, said = inside.ask("sh", "-c", f'echo "show info" | socat - {SOCKET}')
    info = haproxy_info(said)
    if code == 0 and "Version" in info:
        current = info.get("CurrConns", "?")
        return Check(
            name="proxy", status="ok", found=f"HAProxy {info['Version']}, {current} connections at present"
        )
    return Check(
        name="proxy",
        status="fail",
        found=f"HAProxy doesn't answer on its socket: {_first(said)}",
        remedy=f"see why with `docker logs {inside.container}` on the node (a port that is taken, mostly)",
    )


INSIDE: Mapping[str, Callable[[Inside], Check]] = {
    "nat": nat,
    "overlay": overlay,
    "dns": dns,
    "proxy": proxy,
}


class Lost(NamedTuple):
    """Names of nodes: `all` answer nothing, `large` only small packets."""

    all: tuple[str, ...]
    large: tuple[str, ...]


def pings(addresses: Iterable[str], mtu: int) -> str:
    """A script that pings all of them at once and writes `large ADDRESS`, or else `small ADDRESS`."""

    def ping(name: str, size: int) -> str:
        return f"ping -c 2 -W 2 -s {size} $1 >/dev/null 2>&1 && echo {name} $1"

    one = f"one() {{ {ping('large', mtu - PING_HEADERS)} || {{ {ping('small', SMALL)}; }}; }}"
    return f"{one}; {' '.join(f'one {address} &' for address in addresses)} wait"


def unanswered(answer: str, peers: Mapping[str, str]) -> Lost:
    """`peers` are names by address."""
    heard = {tuple(line.split()) for line in answer.splitlines()}
    silent = [n for a, n in peers.items() if not {("small", a), ("large", a)} & heard]
    large = [n for a, n in peers.items() if n not in silent and ("large", a) not in heard]
    return Lost(tuple(silent), tuple(large))


def answered(said: str) -> bool:
    """Whether busybox's (or BIND's) nslookup got an answer, be it that there is no such name."""
    if re.search(
        r"timed out|no servers could be reached|connection refused|Network is unreachable", said, re.I
    ):
        return False
    return bool(re.search(r"NXDOMAIN|can't find|^Name:|No answer|^Non-authoritative", said, re.I | re.M))


def haproxy_info(said: str) -> dict[str, str]:
    """`show info`: a `Name: value` a line."""
    pairs = (line.partition(":") for line in said.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _first(said: str) -> str:
    lines: Sequence[str] = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"
