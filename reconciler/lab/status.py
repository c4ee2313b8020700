"""How a lab's nodes are: a look, no effect."""

from __future__ import annotations

from reconciler.lab import engine, network, node
from reconciler.lab.state import LabNode, LabState
from reconciler.model.base import Value


class NodeStatus(Value):
    """`power` is on or off; `link` up, cut or none; `engine` ready or silent."""

    name: str
    address: str
    power: str
    link: str
    engine: str
    socket: str


def status(state: LabState) -> list[NodeStatus]:
    return [_status(state, each) for each in state.nodes]


def _status(state: LabState, each: LabNode) -> NodeStatus:
    on = node.first_process(state, each) is not None
    link = ("up" if network.is_link_up(state, each) else "cut") if on else "none"
    return NodeStatus(
        name=each.name,
        address=each.address,
        power="on" if on else "off",
        link=link,
        engine="ready" if on and engine.answers(each) else "silent",
        socket=str(each.socket),
    )
