"""A node's pod network: a Docker bridge with the fleet's range, of which the node hands out one slice.

Every node has the same subnet and a slice of its own, so that the bridges can be joined into one flat
network.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Network
from typing import Any

from reconciler.engine.connection.answers import Network
from reconciler.engine.connection.client import Engine
from reconciler.engine.connection.facts import read_disk_free
from reconciler.engine.pods.naming import label_filter, network_name
from reconciler.errors import EngineError, NetworkClash, NodeUnreachable
from reconciler.model import labels
from reconciler.model.action import PrepareNode
from reconciler.model.fleet import Fleet

BRIDGE = "reconciler0"
"""The bridge's device on the node (at most 15 characters)."""


VXLAN_HEAD = 50
"""Bytes that VXLAN puts before each packet between nodes."""
_LEAST_ROOM = 1024**2
_FORGOTTEN = "networks have same bridge name"
"""What Docker says of a network that it doesn't list: one that it does is found before (`refuse_clash`)."""


def prepare(engine: Engine, fleet: Fleet, action: PrepareNode, link_mtu: int = 0) -> None:
    """Make the pod network. What is right already stays untouched. `link_mtu` in bytes, 0: not known."""
    name = fleet.metadata.name
    found = _one(engine, name)
    if found is not None and _slice(found) == action.pod_cidr:
        return
    refuse_clash(engine, fleet, action)
    if found is None and fleet.spec.network.enabled:
        refuse_routes(engine, fleet)
    if found is not None:
        _remove_unused(engine, found, action.pod_cidr)
    refuse_full_disk(engine)
    _create(engine, definition(fleet, action.pod_cidr, link_mtu))


def _create(engine: Engine, body: dict[str, Any]) -> None:
    try:
        engine.call("POST", "/networks/create", body=body)
    except EngineError as error:
        if _FORGOTTEN not in error.message:
            raise
        raise _clash(
            engine,
            "the Engine has begun a network before, couldn't keep it, and now neither lists nor removes it: "
            + error.message,
            "restart the Engine on the node, such as by systemctl restart docker, which makes it forget that",
        ) from error


def read_pod_cidr(engine: Engine, fleet_name: str) -> str:
    """The node's slice; empty when it has no pod network yet, or two that exclude each other."""
    found = _named(engine, fleet_name)
    return _slice(found[0]) if len(found) == 1 else ""


def pod_mtu(fleet: Fleet, link_mtu: int) -> int:
    """How large a pod's packets may be, so that they fit into the link with VXLAN around them."""
    network = fleet.spec.network
    if network.mtu or not network.enabled:
        return network.mtu
    return max(576, (link_mtu or 1500) - VXLAN_HEAD)


def definition(fleet: Fleet, pod_cidr: str, link_mtu: int = 0) -> dict[str, Any]:
    """The body of POST /networks/create. The gateway is the slice's first address."""
    gateway = str(IPv4Network(pod_cidr)[1])
    pool = {"Subnet": fleet.spec.network.pod_cidr, "IPRange": pod_cidr, "Gateway": gateway}
    options = {"com.docker.network.bridge.name": BRIDGE}
    if mtu := pod_mtu(fleet, link_mtu):
        options["com.docker.network.driver.mtu"] = str(mtu)
    return {
        "Name": network_name(fleet.metadata.name),
        "CheckDuplicate": True,
        "Driver": "bridge",
        "IPAM": {"Driver": "default", "Config": [pool]},
        "Options": options,
        "Labels": {labels.FLEET: fleet.metadata.name, labels.POD_CIDR: pod_cidr},
    }


def refuse_clash(engine: Engine, fleet: Fleet, action: PrepareNode) -> None:
    """Raises `NetworkClash` when another network of the Engine overlaps or owns our name or bridge."""
    wanted = IPv4Network(fleet.spec.network.pod_cidr)
    for other in engine.call("GET", "/networks"):
        if (other.get("Labels") or {}).get(labels.FLEET) == fleet.metadata.name:
            continue
        if other["Name"] == network_name(fleet.metadata.name):
            raise _clash(
                engine, f"a network \"{other['Name']}\" is there that isn't this fleet's", "docker network rm"
            )
        if (other.get("Options") or {}).get("com.docker.network.bridge.name") == BRIDGE:
            raise _clash(engine, f'network "{other["Name"]}" has the bridge {BRIDGE}', "one fleet per node")
        for pool in (other.get("IPAM") or {}).get("Config") or []:
            subnet = pool.get("Subnet", "")
            if ":" not in subnet and subnet and IPv4Network(subnet, strict=False).overlaps(wanted):
                raise _clash(
                    engine,
                    f'the pod range {wanted} overlaps Docker network "{other["Name"]}" ({subnet})',
                    f"choose another spec.network.podCIDR in nodes.yaml, or {out_of_the_way(other['Name'])}",
                )


def out_of_the_way(name: str) -> str:
    """What a person can do with a network of the Engine that has our addresses."""
    if name == "bridge":
        return (
            "give Docker's own bridge, which can't be removed, other addresses: on the node set "
            '"bip": "172.17.0.1/16" in /etc/docker/daemon.json and restart the engine'
        )
    if name == "podman":
        return (
            "give Podman's own network, which can't be removed, other addresses: on the node set "
            "default_subnet of [network] in /etc/containers/containers.conf"
        )
    return f"remove it from the node: docker network rm {name}"


def refuse_full_disk(engine: Engine) -> None:
    """Raises `EngineError` where nothing more can be written. Docker 28 keeps in mind, until its restart, a
    network that it couldn't store, and refuses every other one with that bridge: so none is begun then.
    """
    free = None
    with suppress(NodeUnreachable):  # no shell is granted
        free = read_disk_free(engine)
    if free is not None and free < _LEAST_ROOM:
        raise EngineError(
            f"no space left where Docker keeps its data, {free} bytes: a pod network isn't begun there",
            node=engine.node,
            remedy="make room on the node, such as by docker image prune",
        )


def refuse_routes(engine: Engine, fleet: Fleet) -> None:
    """Raises `NetworkClash` when the node reaches something else by an address of the fleet's ranges."""
    code, output = engine.run("ip -4 -o route", 10.0)
    if code:
        return
    spec = fleet.spec.network
    for key, wanted in (("podCIDR", spec.pod_cidr), ("serviceCIDR", spec.service_cidr)):
        if route := _overlapping(output.decode(errors="replace"), IPv4Network(wanted)):
            raise _clash(
                engine,
                f'the range {wanted} overlaps the node\'s route "{route}"',
                f"choose another spec.network.{key} in nodes.yaml",
            )


def _overlapping(routes: str, wanted: IPv4Network) -> str:
    """The first route to somewhere in that range that isn't ours nor Docker's (those are looked at apart)."""
    for line in routes.splitlines():
        place = line.split(" ", 1)[0]
        if place == "default" or f"dev {BRIDGE}" in line or not place[:1].isdigit():
            continue
        if IPv4Network(place, strict=False).overlaps(wanted):
            return line.strip()
    return ""


def _clash(engine: Engine, message: str, remedy: str) -> NetworkClash:
    return NetworkClash(message, node=engine.node, remedy=remedy)


def _named(engine: Engine, fleet_name: str) -> list[Network]:
    params = {"filters": label_filter(fleet_name)}
    found: list[Network] = engine.ask(list[Network], "GET", "/networks", params=params)
    return [n for n in found if n["Name"] == network_name(fleet_name)]


def _one(engine: Engine, fleet_name: str) -> Network | None:
    """The pod network. Engines before 25 can come to have two of one name, and then no pod starts: one that
    nobody uses goes.
    """
    found = _named(engine, fleet_name)
    if len(found) > 1:
        found.sort(key=lambda n: not engine.call("GET", f"/networks/{n['Id']}").get("Containers"))
        for unused in found[1:]:
            _remove_unused(engine, unused, "of another network of that name")
    return found[0] if found else None


def _slice(network: Network) -> str:
    """Empty where the label says what is no range of addresses: a network that isn't as it should be."""
    said = (network.get("Labels") or {}).get(labels.POD_CIDR, "")
    try:
        return str(IPv4Network(said))
    except ValueError:
        return ""


def _remove_unused(engine: Engine, network: Network, wanted: str) -> None:
    details = engine.call("GET", f"/networks/{network['Id']}")
    if details.get("Containers"):
        raise NetworkClash(
            f"the pod network has the slice {_slice(network)}, wanted is {wanted}, and pods are on it",
            node=engine.node,
            remedy="move the node's pods away first (mark it unschedulable), then it is made anew",
        )
    try:
        engine.call("DELETE", f"/networks/{network['Id']}")
    except EngineError as error:
        raise NetworkClash(
            f"the old pod network can't be removed: {error.message}", node=engine.node
        ) from error
