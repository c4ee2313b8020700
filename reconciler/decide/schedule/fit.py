"""Reasons against a node that depend on what it has left. They only ever get worse within a pass."""

from __future__ import annotations

from reconciler.decide.schedule.address import Slices
from reconciler.decide.schedule.explain import Obstacle
from reconciler.decide.schedule.requests import Requests
from reconciler.decide.schedule.room import MAX_PODS, Room
from reconciler.model.capacity import offered
from reconciler.model.quantity import human_bytes, human_cpu


def obstacle(room: Room, asked: Requests, slices: Slices, *, needs_ip: bool) -> Obstacle | None:
    """Why the pod doesn't fit now, None if it does."""
    if room.pods >= MAX_PODS:
        return Obstacle(text=f"full ({MAX_PODS} pods)")
    if room.memory and room.used_memory + asked.memory > room.memory and asked.memory:
        return Obstacle(
            text="lack memory",
            want=human_bytes(asked.memory),
            free=max(0, room.memory - room.used_memory),
            unit="bytes",
        )
    if room.cpu and room.used_cpu + asked.cpu > room.cpu and asked.cpu:
        return Obstacle(
            text="lack CPU", want=human_cpu(asked.cpu), free=max(0, room.cpu - room.used_cpu), unit="cpu"
        )
    return _other(room, asked, slices, needs_ip)


def _other(room: Room, asked: Requests, slices: Slices, needs_ip: bool) -> Obstacle | None:
    for name, amount in sorted(asked.extended.items()):
        node = room.view.spec
        free = (offered(node).get(name, 0) if node else 0) - room.extended.get(name, 0)
        if name == "ephemeral-storage":
            known = room.view.state.facts.disk_free
            free = amount if known is None else known
        if free < amount:
            return Obstacle(text=f"lack {name}", want=str(amount), free=max(0, free), unit="count")
    for port in asked.ports:
        if any(port.clashes(taken) for taken in room.ports):
            return Obstacle(text=f"have host port {port.port} in use")
    if needs_ip and not slices.has_address(room.view, len(room.ips)):
        return Obstacle(text="without a free pod address")
    return None
