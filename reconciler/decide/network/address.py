"""By which addresses nodes reach each other, and what the other nodes' are."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_network

from reconciler.decide.survey import NodeView, Survey
from reconciler.model.fleet import NetworkSpec
from reconciler.model.traffic import NodeTraffic, Overlay

_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_SSH = re.compile(rf"^ssh://(?:[^@/]*@)?({_IPV4})(?::\d+)?(?:/.*)?$")
DNS_OFFSET = 10
"""The name server's place in the service range (Kubernetes' custom: 10.96.0.10)."""


def node_address(view: NodeView) -> str:
    """The inventory's word, else the node's own, else the address that we log in at; "" if none is known."""
    if view.spec is not None and view.spec.internal_ip:
        return view.spec.internal_ip
    if view.state.facts.internal_ip:
        return view.state.facts.internal_ip
    literal = _SSH.match(view.spec.address) if view.spec is not None else None
    return literal[1] if literal else ""


def addresses_of(survey: Survey) -> dict[str, str]:
    """Every node of the inventory with its address, "" where it isn't known (yet)."""
    return {name: node_address(view) for name, view in survey.views.items() if view.spec is not None}


@lru_cache(maxsize=64)
def dns_address(service_cidr: str) -> str:
    return str(ip_network(service_cidr).network_address + DNS_OFFSET)


def overlay_of(
    name: str, addresses: dict[str, str], network: NetworkSpec, published: NodeTraffic | None
) -> Overlay:
    """The node's way to all others. While one of them hasn't told its address, no known peer is dropped."""
    own = addresses.get(name, "")
    others = {ip for other, ip in addresses.items() if other != name and ip and ip != own}
    if published is not None and not all(addresses.values()):
        others.update(published.overlay.peers)
        others.discard(own)
    return Overlay(
        address=own,
        peers=tuple(sorted(others)),
        vxlan_id=network.vxlan_id,
        vxlan_port=network.vxlan_port,
        mtu=network.mtu,
    )
