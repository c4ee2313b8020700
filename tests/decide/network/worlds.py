"""Fleets with a network of their own, and what their nodes were told."""

from __future__ import annotations

from typing import Any

from reconciler.model.fleet import Fleet
from reconciler.model.kinds import Workload
from reconciler.model.traffic import NodeTraffic, RoutedService
from tests.decide.builders import deployment, desired, fleet
from tests.laws.world import World


def networked(*nodes: str | dict[str, Any], **network: Any) -> Fleet:
    return fleet(*nodes, network={"enabled": True} | network)


def running(*workloads: Workload, of: Fleet | None = None, **more: Any) -> World:
    """Converged: everybody was told everything."""
    world = World(desired(*(workloads or (deployment(),)), of=of or networked(), **more))
    assert world.run().standing == "converged", str(world.plan)
    return world


def told(world: World, node: str = "pi-1") -> NodeTraffic:
    traffic = world.fleet.machines[node].traffic
    assert traffic is not None
    return traffic


def routed(world: World, name: str, node: str = "pi-1") -> RoutedService:
    return next(s for s in told(world, node).services if s.name == name)


def names(world: World) -> dict[str, tuple[str, ...] | str]:
    """Without the cluster's domain."""
    short = ".svc.cluster.local"
    return {n.name.removesuffix(short): n.target or n.addresses for n in told(world).names}


def step_texts(world: World) -> list[str]:
    return [str(step) for step in world.decide().steps]
