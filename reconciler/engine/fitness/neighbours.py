"""Where the nodes of a fleet are on the network: what one node's check must know of all of them.

Asks every node once, changes nothing. A node that can't be asked is told as such.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from reconciler.engine.connection.client import Engine, connect
from reconciler.engine.connection.facts import read_facts
from reconciler.engine.fitness.network_facts import LOOK, Look, look
from reconciler.engine.fitness.report import unforeseen
from reconciler.engine.pods.network import read_pod_cidr
from reconciler.errors import ReconcilerError
from reconciler.model.base import Told
from reconciler.model.fleet import Fleet, NodeSpec

AT_A_TIME = 16
TIMEOUT = 10.0


class Neighbour(Told):
    """`address` is where the other nodes reach it, "" when nobody can tell; `mtu` that of the link it is on
    (0: unknown); `pod_cidr` its slice, "" when it has none yet; `error` why it couldn't be asked.
    """

    name: str
    address: str = ""
    mtu: int = 0
    pod_cidr: str = ""
    error: str = ""


def neighbours(fleet: Fleet) -> tuple[Neighbour, ...]:
    """Every node of the fleet, in its order. Never raises: one that can't be asked says so."""
    nodes = fleet.spec.nodes
    if not fleet.spec.network.enabled or len(nodes) < 2:
        return ()
    with ThreadPoolExecutor(min(AT_A_TIME, len(nodes))) as pool:
        return tuple(pool.map(lambda spec: _ask(spec, fleet.metadata.name), nodes))


def neighbour(engine: Engine, spec: NodeSpec, fleet_name: str, seen: Look) -> Neighbour:
    """Raises `NodeError`."""
    address = own_address(spec, read_facts(engine).internal_ip, seen)
    return Neighbour(
        name=spec.name,
        address=address,
        mtu=seen.mtu_of(address),
        pod_cidr=read_pod_cidr(engine, fleet_name),
    )


def read_look(engine: Engine) -> Look:
    """Raises `NodeError`."""
    _, answer = engine.run(LOOK, TIMEOUT)
    return look(answer.decode(errors="replace"))


def own_address(spec: NodeSpec, told: str, seen: Look) -> str:
    """The inventory's word, else the node's, else the address that we reach it by where it is its own."""
    if spec.internal_ip or told or seen.outward:
        return spec.internal_ip or told or seen.outward
    host = spec.address.rpartition("@")[2].partition("//")[2] or spec.address.rpartition("@")[2]
    host = host.partition(":")[0]
    return host if seen.link_of(host) else ""


def _ask(spec: NodeSpec, fleet_name: str) -> Neighbour:
    try:
        engine = connect(spec, TIMEOUT)
        try:
            return neighbour(engine, spec, fleet_name, read_look(engine))
        finally:
            engine.close()
    except ReconcilerError as error:
        return Neighbour(name=spec.name, error=error.message)
    except Exception as error:
        return Neighbour(name=spec.name, error=unforeseen(error)[0])
