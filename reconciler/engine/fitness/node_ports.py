"""Do NodePorts that the kernel balances (UDP, policy Local) lead to pods? Tried from another node.

Not the rules are looked at but what became of a packet: the kernel keeps a connection in its table only once
the first packet has passed all rules, of whoever they are. What the pod answers doesn't matter.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from reconciler.engine.connection.client import connect
from reconciler.engine.fitness import data_plane
from reconciler.engine.fitness.data_plane import Inside
from reconciler.engine.fitness.neighbours import Neighbour
from reconciler.engine.fitness.report import Check
from reconciler.engine.rendering.nat import doors
from reconciler.errors import ReconcilerError
from reconciler.model.base import Value, typed
from reconciler.model.fleet import Fleet
from reconciler.model.traffic import NodeTraffic

MOST = 4
"""Ports that are tried: what bars one bars all of its kind."""
SOURCE_PORTS = range(20000, 30000)
"""Below those that kernels choose by themselves."""
Ask = Callable[..., tuple[int, str]]


class Way(Value):
    """A NodePort of the kernel's, of `service`."""

    service: str
    protocol: str
    number: int


def ways(traffic: NodeTraffic) -> tuple[Way, ...]:
    """Those that have an endpoint to lead to; one of each service and protocol, at most `MOST`."""
    found: dict[tuple[str, str], Way] = {}
    for door in doors(traffic):
        local = door.service.external_local
        there = [e for e in door.port.endpoints if e.node == traffic.node or not local]
        if door.address or not there:
            continue
        service = f"{door.service.namespace}/{door.service.name}"
        way = Way(service=service, protocol=door.port.protocol.lower(), number=door.number)
        found.setdefault((service, way.protocol), way)
    return tuple(sorted(found.values(), key=lambda way: way.protocol != "udp"))[:MOST]


def told(inside: Inside) -> NodeTraffic | None:
    """What the node does; None where that isn't known."""
    _, said = inside.ask("cat", "/net/state.json")
    try:
        return msgspec.json.decode(said, type=typed(NodeTraffic))
    except (msgspec.MsgspecError, ValueError):
        return None


def node_ports(inside: Inside, wanted: Sequence[Way], other: Neighbour, ask: Ask) -> Check:
    """`ask` runs a command in the node container of `other`."""
    barred = [way for way in wanted if not _passes(inside, way, other, ask)]
    if not barred:
        names = ", ".join(f"{way.protocol} {way.number}" for way in wanted)
        return Check(name="node ports", status="ok", found=f"{names} lead to pods, tried from {other.name}")
    names = ", ".join(f"{way.protocol} {way.number} ({way.service})" for way in barred)
    return Check(
        name="node ports",
        status="fail",
        found=f"packets from {other.name} to {names} don't get to a pod",
        remedy="a firewall drops them: on the node see what `nft list ruleset` has at its hook forward, and "
        "let in what leaves by reconciler0",
    )


def _passes(inside: Inside, way: Way, other: Neighbour, ask: Ask) -> bool:
    source = random.choice(SOURCE_PORTS)
    to = f"{inside.me.address}:{way.number},sourceport={source}"
    knock = f"UDP4-SENDTO:{to},shut-null" if way.protocol == "udp" else f"TCP4:{to},connect-timeout=2"
    ask("sh", "-c", f": | socat -u - {knock}")
    entry = ("--orig-port-src", str(source), "--orig-port-dst", str(way.number))
    _, said = inside.ask("conntrack", "-L", "-p", way.protocol, *entry)
    return f"sport={source} " in said


@contextmanager
def another(inside: Inside, fleet: Fleet) -> Iterator[tuple[Neighbour, Ask] | None]:
    """The first other node whose node container runs and can be asked; None where there is none."""
    specs = {spec.name: spec for spec in fleet.spec.nodes}
    for other in inside.others:
        if other.error or not other.pod_cidr or other.name not in specs:
            continue
        try:
            engine = connect(specs[other.name], data_plane.TIMEOUT)
        except ReconcilerError:
            continue
        try:
            found = data_plane.find(engine, fleet.metadata.name)
            if found is not None and found["State"] == "running":
                there = inside._replace(engine=engine, container=str(found["Id"]), me=other)
                yield other, there.ask
                return
        finally:
            engine.close()
    yield None


def check(inside: Inside, fleet: Fleet) -> Check:
    """Raises `NodeError`."""
    traffic = told(inside)
    wanted = ways(traffic) if traffic else ()
    if not wanted:
        return Check(name="node ports", status="ok", found="none by UDP or of policy Local")
    with another(inside, fleet) as other:
        if other is None:
            found = "not tried: that takes another node whose node container runs"
            return Check(name="node ports", status="ok", found=found)
        return node_ports(inside, wanted, *other)
