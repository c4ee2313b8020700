"""One action, done on its node. The table of what is done how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from reconciler.apply.drain import drain
from reconciler.engine.node import Node
from reconciler.errors import NodeUnreachable
from reconciler.model.action import (
    AnyAction,
    PrepareNode,
    Publish,
    RecordEnd,
    RemoveImages,
    RestartContainer,
    StartContainers,
    StartPod,
    StopPod,
)
from reconciler.model.desired import Contents

Lane = Literal["traffic", "stops", "starts"]


def perform(action: AnyAction, nodes: Mapping[str, Node], contents: Contents) -> None:
    """Block until the effect is there. Raises `errors.NodeError`."""
    node = nodes.get(action.node)
    if node is None:
        raise NodeUnreachable("it is not in the inventory", node=action.node)
    match action:
        case StartPod():
            node.start_pod(action, contents)
        case StartContainers():
            node.start_containers(action)
        case RestartContainer():
            node.restart_container(action)
        case RecordEnd():
            node.record_end(action)
        case RemoveImages():
            node.remove_images(action)
        case StopPod():
            drain(action, nodes.values())
            node.stop_pod(action)
        case PrepareNode():
            node.prepare(action)
        case Publish():
            node.publish(action, contents)


def lane_of(action: AnyAction) -> Lane:
    """Of one lane nothing waits for another: neither for programs that end slowly, nor for slow pulls."""
    match action:
        case PrepareNode() | Publish():
            return "traffic"
        case StopPod() | RestartContainer():
            return "stops"
    return "starts"
