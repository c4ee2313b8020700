"""The lab's wire: a bridge on the host, one link to each node, and the firewall's leave to use them.

The kernel is the registry of labs: making a bridge `rlab<N>` succeeds for one of two that try at once,
and its hardware address, given in the same call, says whose it is. So no lab ever touches another's.
"""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

from reconciler.errors import LabError
from reconciler.lab.command import run, succeeds
from reconciler.lab.state import LabNode, LabState, identity_of

POOLS = ("10.77", "172.30")
"""/16 networks, of which each lab takes a /24. Neither pods (10.42) nor services (10.43) live there."""

PREFIX = "rlab"
REGISTRY_PORT = 5000


def hardware_address(directory: Path) -> str:
    """The bridge's: locally administered (02), the rest from the lab's identity."""
    digits = identity_of(directory)
    return ":".join(["02", *(digits[at : at + 2] for at in range(0, 10, 2))])


def link_name(state: LabState, node: LabNode) -> str:
    """The host's end of a node's link; at most 11 of the kernel's 15 characters."""
    return f"{state.bridge}n{node.index}"


def subnet_candidates(subnet: str = "") -> list[tuple[str, str]]:
    """(bridge, first three octets) to try in turn; with a subnet given, only the name varies.

    Raises `LabError` for one that this machine is in already. A larger network that it only has a route
    to, such as a VPN's, is whoever names the subnet's own affair.
    """
    taken = taken_networks()
    if subnet:
        octets = _three_octets(subnet)
        whole = ipaddress.IPv4Network(f"{octets}.0/24")
        if used := [network for network in taken if network.subnet_of(whole)]:
            raise LabError(
                f"--subnet {subnet}: {used[0]} is in use on this machine, by another lab perhaps",
                remedy="name another, or none: the lab finds one that is free",
            )
        return [(f"{PREFIX}{number}", octets) for number in range(512)]
    numbered = [f"{pool}.{third}" for pool in POOLS for third in range(256)]
    free = [
        (f"{PREFIX}{number}", octets)
        for number, octets in enumerate(numbered)
        if not any(ipaddress.ip_network(f"{octets}.0/24").overlaps(network) for network in taken)
    ]
    if not free:
        raise LabError(
            "every network that a lab could take is in use here", remedy="name one: --subnet A.B.C.0/24"
        )
    return free


def _three_octets(subnet: str) -> str:
    try:
        network = ipaddress.IPv4Network(subnet)
    except ValueError as error:
        raise LabError(f"--subnet {subnet}: {error}", remedy="write it as 10.99.0.0/24") from error
    if network.prefixlen != 24:
        raise LabError(f"--subnet {subnet}: a lab's network is a /24", remedy="write it as 10.99.0.0/24")
    return str(network.network_address).rpartition(".")[0]


def taken_networks() -> list[ipaddress.IPv4Network]:
    """What this machine has a route to, the default route aside."""
    routes = json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]) or "[]")
    found = (route.get("dst", "default") for route in routes if route.get("type") != "broadcast")
    return [ipaddress.IPv4Network(dst) for dst in found if dst not in ("default", "0.0.0.0/0")]


def make_bridge(bridge: str, directory: Path) -> bool:
    """False when the name is taken: by another lab that started just now, perhaps."""
    argv = ["ip", "link", "add", bridge, "address", hardware_address(directory), "type", "bridge"]
    if succeeds(argv):
        return True
    if bridge in {str(link["ifname"]) for link in _links()}:
        return False
    run(argv)
    return True


def open_bridge(state: LabState) -> None:
    """Give the bridge its address, and let the firewall pass what belongs to the lab."""
    _batch(f"addr add {state.gateway}/24 dev {state.bridge}\nlink set {state.bridge} up\n")
    for chain, rule in _rules(state):
        run(["iptables", "-w", "-I", chain, *rule])


def _rules(state: LabState) -> list[tuple[str, list[str]]]:
    """Bridged packets pass the host's FORWARD chain where br_netfilter is on (Docker turns it on)."""
    bridge, comment = state.bridge, ["-m", "comment", "--comment", f"reconciler-lab-{state.id}"]
    registry = ["-i", bridge, "-p", "tcp", "-d", state.gateway, "--dport", str(REGISTRY_PORT)]
    return [
        ("FORWARD", ["-i", bridge, "-o", bridge, *comment, "-j", "ACCEPT"]),
        ("INPUT", [*registry, *comment, "-j", "ACCEPT"]),
    ]


def connect(state: LabState, node: LabNode, pid: int) -> None:
    """A link from the bridge to `eth0` in the network namespace of process `pid`."""
    name = link_name(state, node)
    succeeds(["ip", "link", "del", name])  # a killed node's end goes a moment after the node
    mac = f"06:{node.index:02x}{hardware_address(state.directory)[5:]}"
    _batch(
        f"link add {name} type veth peer name eth0 address {mac} netns {pid}\n"
        f"link set {name} master {state.bridge}\n"
        f"link set {name} up\n"
    )


def set_link(state: LabState, node: LabNode, up: bool) -> None:
    run(["ip", "link", "set", link_name(state, node), "up" if up else "down"])


def set_mtu(state: LabState, node: LabNode, mtu: int) -> None:
    """Of the host's end. A bridge takes on the smallest MTU of its ports, unless it was given one."""
    run(["ip", "link", "set", state.bridge, "mtu", "1500"])
    run(["ip", "link", "set", link_name(state, node), "mtu", str(mtu)])


def mtu_of(state: LabState, node: LabNode) -> int:
    name = link_name(state, node)
    return next(int(link["mtu"]) for link in _links() if link["ifname"] == name)


def is_link_up(state: LabState, node: LabNode) -> bool:
    name = link_name(state, node)
    return any(link["ifname"] == name and "UP" in link["flags"] for link in _links())


def bridges_of(directory: Path) -> list[str]:
    """The bridges that this lab made, found by their address: also when its state is lost."""
    address = hardware_address(directory)
    return [
        link["ifname"]
        for link in _links()
        if link["ifname"].startswith(PREFIX) and link["address"] == address
    ]


def remove(directory: Path) -> None:
    """Links, bridges and firewall rules; what is gone already is fine."""
    for bridge in bridges_of(directory):
        for link in _links():
            if link.get("master") == bridge:
                succeeds(["ip", "link", "del", link["ifname"]])
        succeeds(["ip", "link", "del", bridge])
    comment = f"reconciler-lab-{identity_of(directory)}"
    for line in run(["iptables", "-w", "-S"]).splitlines():
        if comment in line:
            run(["iptables", "-w", "-D", *line.replace('"', "").split()[1:]])


def rules_of(directory: Path) -> list[str]:
    comment = f"reconciler-lab-{identity_of(directory)}"
    return [line for line in run(["iptables", "-w", "-S"]).splitlines() if comment in line]


def _links() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run(["ip", "-j", "link", "show"]) or "[]")
    return found


def _batch(commands: str) -> None:
    run(["ip", "-batch", "-"], text=commands)
