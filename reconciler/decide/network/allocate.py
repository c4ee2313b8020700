"""Cluster IPs and node ports: those that are asked for, those that a service has, else by its name's hash.

So an address outlives every loss of memory, and a service more or less moves no other one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from ipaddress import AddressValueError, IPv4Address, IPv4Network

from reconciler.decide.network.published import Published, Table
from reconciler.model.base import Value
from reconciler.model.fleet import DNS_OFFSET
from reconciler.model.meta import Key
from reconciler.model.service import Service, ServicePort
from reconciler.model.traffic import RoutedService

RESERVED = 16
"""The first addresses of the service range are nobody's by hash (Kubernetes keeps 16 to 256 of them)."""
NODE_PORTS = range(30000, 32768)

PortKey = tuple[Key, int, str]
"""A service, its port's number and protocol."""


class Allocation(Value):
    """`ips` by service, `ports` by service port. `notes` are of those for which nothing was left."""

    ips: dict[Key, str]
    ports: dict[PortKey, int]
    notes: tuple[str, ...] = ()


def allocate(
    services: Mapping[Key, Service], held: Iterable[RoutedService], published: Published, service_cidr: str
) -> Allocation:
    """`held` are services that nobody wants and that stay for now: what they have isn't free."""
    held = tuple(held)
    notes: list[str] = []
    tables = published.every_table()
    ips = _ips(services, {s.ip for s in held if s.ip}, tables, IPv4Network(service_cidr), notes)
    taken: set[tuple[str, int]] = {(p.protocol, p.node_port) for s in held for p in s.ports if p.node_port}
    ports = _node_ports(services, taken, tables, notes)
    return Allocation(ips=ips, ports=ports, notes=tuple(notes))


def _ips(
    services: Mapping[Key, Service],
    taken: set[str],
    tables: list[Table],
    network: IPv4Network,
    notes: list[str],
) -> dict[Key, str]:
    wanting = [(k, s) for k, s in services.items() if s.spec.type != "ExternalName" and not s.headless]
    found = {k: s.spec.cluster_ip for k, s in wanting if s.spec.cluster_ip}
    taken = taken.union(found.values())
    rest = [k for k, _ in wanting if k not in found]
    for key in rest:
        for table in tables:
            before = table.get((key.namespace, key.name))
            if before is not None and before.ip not in taken and _usable(before.ip, network):
                found[key] = before.ip
                taken.add(before.ip)
                break
    first, size = int(network.network_address), network.num_addresses
    reserved = RESERVED if size > 2 * RESERVED else 1
    count = size - reserved - 1
    for key in rest:
        if key in found:
            continue
        start = _digest(f"{key.namespace}/{key.name}") % count if count > 0 else 0
        for step in range(count):
            offset = reserved + (start + step) % count
            ip = str(IPv4Address(first + offset))
            if offset != DNS_OFFSET and ip not in taken:
                found[key] = ip
                taken.add(ip)
                break
        else:
            notes.append(f"{key}: spec.network.serviceCIDR {network} has no address left for it")
    return found


def _usable(ip: str, network: IPv4Network) -> bool:
    if not ip:
        return False
    offset = _number(ip) - int(network.network_address)
    return 0 < offset < network.num_addresses - 1 and offset != DNS_OFFSET


def _node_ports(
    services: Mapping[Key, Service], taken: set[tuple[str, int]], tables: list[Table], notes: list[str]
) -> dict[PortKey, int]:
    wanting = [(k, p) for k, s in services.items() for p in s.spec.ports if _wants_node_port(s, p)]
    found: dict[PortKey, int] = {(k, p.port, p.protocol): p.node_port for k, p in wanting if p.node_port}
    taken = taken | {(protocol, number) for (_, _, protocol), number in found.items()}
    rest = [(k, p) for k, p in wanting if (k, p.port, p.protocol) not in found]
    for key, port in rest:
        for table in tables:
            number = _before(table.get((key.namespace, key.name)), port)
            if number in NODE_PORTS and (port.protocol, number) not in taken:
                found[key, port.port, port.protocol] = number
                taken.add((port.protocol, number))
                break
    for key, port in rest:
        if (key, port.port, port.protocol) in found:
            continue
        start = _digest(f"{key.namespace}/{key.name}/{port.port}") % len(NODE_PORTS)
        tries = (NODE_PORTS[(start + step) % len(NODE_PORTS)] for step in range(len(NODE_PORTS)))
        number = next((n for n in tries if (port.protocol, n) not in taken), 0)
        if number:
            found[key, port.port, port.protocol] = number
            taken.add((port.protocol, number))
        else:
            notes.append(f"{key}: there is no node port left for its port {port.port}")
    return found


def _wants_node_port(service: Service, port: ServicePort) -> bool:
    spec = service.spec
    if port.protocol == "SCTP":
        return False
    if spec.type == "LoadBalancer":
        return spec.allocate_load_balancer_node_ports or bool(port.node_port)
    return spec.type == "NodePort"


def _before(service: RoutedService | None, port: ServicePort) -> int:
    ports = service.ports if service is not None else ()
    return next((p.node_port for p in ports if (p.port, p.protocol) == (port.port, port.protocol)), 0)


@lru_cache(maxsize=8192)
def _number(ip: str) -> int:
    """-1 for what isn't an address: a node may have told it."""
    try:
        return int(IPv4Address(ip))
    except AddressValueError:
        return -1


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
