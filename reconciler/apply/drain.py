"""Before a pod ends, what it is answering may finish: wait until no proxy has a connection to it any more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from reconciler.engine.node import Node
from reconciler.errors import NodeError
from reconciler.model.action import StopPod

FIRST_S, LONGEST_S = 0.02, 0.25
"""Seconds between two looks: short at first, since most requests are."""


def drain(
    action: StopPod,
    nodes: Iterable[Node],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Returns when it is over, after `action.drain` seconds at the latest.

    A node that has nothing open, or can't tell, isn't asked again: nothing new comes by it.
    """
    if not action.ip or action.drain <= 0:
        return
    asked = [node for node in nodes if node.state().reachable]
    end, pause = clock() + action.drain, FIRST_S
    while True:
        asked = [node for node in asked if _busy(node, action.ip, end - clock())]
        left = end - clock()
        if not asked or left <= 0:
            return
        sleep(min(pause, left))
        pause = min(LONGEST_S, pause * 1.5)


def _busy(node: Node, ip: str, left: float) -> bool:
    try:
        return left > 0 and node.sessions(ip, left) > 0
    except NodeError:
        return False
