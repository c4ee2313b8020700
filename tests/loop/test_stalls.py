"""A loop that didn't run for a while: every node is asked anew before anything is judged; no time is over."""

from __future__ import annotations

import time
from pathlib import Path

from reconciler.engine.simulation.simulated_node import SimulatedNode
from reconciler.loop.cycle import Loop
from reconciler.loop.steady import SteadyClock
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Wanted
from reconciler.model.observed import NodeState
from tests.loop.test_cycle import FLEET, World, many

SLEPT_S = 36_000.0


class Looked(SimulatedNode):
    """Notes that it was asked, and answers late."""

    log: list[str]

    def refresh(self) -> NodeState:
        time.sleep(0.2)
        self.log.append("look")
        return super().refresh()


def test_after_a_stall_every_node_is_asked_before_anything_is_decided(tmp_path: Path) -> None:
    world, log = World(tmp_path), list[str]()
    slept = 0.0
    nodes = {n.name: Looked(world.time, n.name) for n in FLEET.spec.nodes}
    for node in nodes.values():
        node.log = log
    clock = SteadyClock(elapsed=lambda: time.monotonic() + slept)
    world.source.push("one", many("web:v1"))
    loop = Loop(Wanted(FLEET, world.source), nodes, world.memory, [lambda _: log.append("turn")], clock=clock)
    loop.watch_nodes()
    loop.watch_source()
    began = time.monotonic()

    def until(turn: Turn) -> bool:
        nonlocal slept
        if slept:
            return True
        if turn.plan is not None and turn.plan.standing == "converged":
            slept = SLEPT_S
            log.append("stall")
        return False

    try:
        first = loop.now()
        loop.run(until)
    finally:
        assert loop.close(30)
    assert log[log.index("stall") :] == ["stall", "look", "look", "look", "turn"]
    assert loop.now() - first <= time.monotonic() - began + 2, "but for a second, it isn't counted"
