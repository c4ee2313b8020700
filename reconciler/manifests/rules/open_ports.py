"""Rules about what only one Service can have: an address of the service range, a port of the nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.manifests.documents import Path
from reconciler.manifests.entry import Entry
from reconciler.manifests.said import Said
from reconciler.model.meta import Key
from reconciler.model.service import Service

Open = tuple[str, int, str]
"""(address, "" for the nodes' own; number; protocol)."""


def across(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Said]]:
    addresses: dict[str, Key] = {}
    node_ports: dict[tuple[int, str], Key] = {}
    held: dict[Open, Key] = {}
    seen: set[Key] = set()
    for entry in entries:
        item = entry.item
        if not isinstance(item, Service) or item.key in seen:
            continue
        seen.add(item.key)
        yield from ((entry, said) for said in _cluster_ip(item, addresses))
        yield from ((entry, said) for said in _node_ports(item, node_ports))
        yield from ((entry, said) for said in _opened(item, held))


def _cluster_ip(item: Service, taken: dict[str, Key]) -> Iterator[Said]:
    address = item.spec.cluster_ip
    if not address or item.headless:
        return
    if address in taken:
        message = f"{address} is the address of {taken[address]}"
        yield Said(("spec", "clusterIP"), message, "remove it, and one is chosen", rule="address")
    taken.setdefault(address, item.key)


def _node_ports(item: Service, taken: dict[tuple[int, str], Key]) -> Iterator[Said]:
    for index, port in enumerate(item.spec.ports):
        place = (port.node_port, port.protocol)
        if not port.node_port:
            continue
        if taken.get(place, item.key) != item.key:
            message = f"node port {port.node_port}/{port.protocol} is taken by {taken[place]}"
            at = ("spec", "ports", index, "nodePort")
            yield Said(at, message, "use another one, or remove it and one is chosen", rule="port")
        taken.setdefault(place, item.key)


def _opened(item: Service, held: dict[Open, Key]) -> Iterator[Said]:
    for path, place in opened(item):
        other = held.setdefault(place, item.key)
        if other != item.key:
            address, number, protocol = place
            where = f"of {address}" if address else "of every node"
            remedy = (
                "use another port" if address else "use another port, or give each its own loadBalancerIP"
            )
            yield Said(path, f"port {number}/{protocol} {where} is taken by {other}", remedy, rule="port")


def opened(item: Service) -> Iterator[tuple[Path, Open]]:
    """The ports that are open as they are for those outside, and where the manifest says so."""
    spec = item.spec
    addresses = list(spec.external_ips)
    if spec.type == "LoadBalancer":
        addresses.append(spec.load_balancer_ip)  # without one, the nodes' own
    for index, port in enumerate(spec.ports):
        for address in dict.fromkeys(addresses) if spec.type != "ExternalName" else ():
            yield ("spec", "ports", index, "port"), (address, port.port, port.protocol)
