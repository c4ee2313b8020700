"""By which addresses nodes reach each other, and what the other nodes' are."""

from __future__ import annotations

import re
from bisect import bisect_left

from reconciler.decide.survey import NodeView, Survey
from reconciler.model.fleet import NetworkSpec
from reconciler.model.names import IPV4
from reconciler.model.traffic import NodeTraffic, Overlay

_SSH = re.compile(r"^ssh://(?:[^@/]*@)?([0-9.]+)(?::\d+)?(?:/.*)?$")
_ADDRESS = re.compile(IPV4)


def node_address(view: NodeView) -> str:
    """The inventory's word, else the node's own, else the address that we log in at; "" if none is known."""
    if view.spec is not None and view.spec.internal_ip:
        return view.spec.internal_ip
    literal = _SSH.match(view.spec.address) if view.spec is not None else None
    told = (view.state.facts.internal_ip, literal[1] if literal else "")
    return next((ip for ip in told if _ADDRESS.match(ip)), "")


def addresses_of(survey: Survey) -> dict[str, str]:
    """Every node of the inventory with its address, "" where it isn't known (yet)."""
    return {name: node_address(view) for name, view in survey.views.items() if view.spec is not None}


class Peers:
    """Each node's way to all others. While one of them hasn't told its address, no known peer is dropped."""

    def __init__(self, addresses: dict[str, str], network: NetworkSpec) -> None:
        self.addresses, self._network = addresses, network
        self._all = tuple(sorted({ip for ip in addresses.values() if ip}))
        self.complete = all(addresses.values())

    def overlay(self, name: str, published: NodeTraffic | None) -> Overlay:
        own = self.addresses.get(name, "")
        peers = self._without(own)
        if published is not None and not self.complete:
            known = filter(_ADDRESS.match, published.overlay.peers)
            peers = tuple(sorted({*peers, *known} - {own}))
        network = self._network
        return Overlay(
            address=own,
            peers=peers,
            vxlan_id=network.vxlan_id,
            vxlan_port=network.vxlan_port,
            mtu=network.mtu,
        )

    def _without(self, own: str) -> tuple[str, ...]:
        at = bisect_left(self._all, own)
        there = at < len(self._all) and self._all[at] == own
        return self._all[:at] + self._all[at + 1 :] if there else self._all
