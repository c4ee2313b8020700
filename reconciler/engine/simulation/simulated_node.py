"""Simulated nodes in real time, behind the interface of real ones: a fleet to try things on, without root.

One thread for the whole fleet tells those who watch when a node has become another value.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf

import msgspec

from reconciler.engine.connection.link import Stream
from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_pod import Behaviour
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
from reconciler.model.observed import NodeState
from reconciler.model.traffic import Counter
from reconciler.supervision import Supervised, sign_of_life

LIVELY = Behaviour(start_seconds=0.25, ready_seconds=0.4, stop_seconds=0.15)
"""About what a small program does on a PC."""


class RealTime:
    """A simulated fleet whose time is the clock's. Safe from several threads.

    Starting and stopping take their time in the caller's thread, as with real nodes.
    """

    def __init__(self, fleet: SimulatedFleet, clock: Callable[[], float] = time.time) -> None:
        self._fleet, self._clock = fleet, clock
        self._changed = threading.Condition()
        self._watchers: dict[str, Callable[[], None]] = {}
        self._seen: dict[str, NodeState] = {}
        self._thread: Supervised | None = None

    def node(self, name: str) -> SimulatedNode:
        return SimulatedNode(self, name)

    def watch(self, name: str, changed: Callable[[], None]) -> None:
        with self._changed:
            self._watchers[name] = changed
            if self._thread is None:
                self._thread = Supervised("simulated-fleet", self._run)
                self._thread.start()
            self._changed.notify()

    def unwatch(self, name: str) -> None:
        with self._changed:
            self._watchers.pop(name, None)
            self._changed.notify()

    def look(self, name: str) -> NodeState:
        with self._changed:
            return self._fleet.observe(self._clock()).nodes[name]

    def counters(self, name: str) -> tuple[Counter, ...]:
        with self._changed:
            return self._fleet.counters(name, self._clock())

    def change(self, how: Callable[[SimulatedFleet, float], None]) -> None:
        """Do something to the simulated world: lose a node, kill a container, replace its behaviour."""
        with self._changed:
            how(self._fleet, self._clock())
            self._changed.notify()

    def perform(self, action: AnyAction) -> None:
        """Blocks until the effect is there."""
        time.sleep(self._length(action))

        def do(fleet: SimulatedFleet, now: float) -> None:
            pace = fleet.behaviour
            fleet.behaviour = msgspec.structs.replace(pace, start_seconds=0.0, stop_seconds=0.0)
            try:
                fleet.perform(action, now)
            finally:
                fleet.behaviour = pace

        self.change(do)

    def _length(self, action: AnyAction) -> float:
        how = self._fleet.behaviour
        if isinstance(action, StopPod):
            return min(how.stop_seconds, action.grace)
        return how.start_seconds if isinstance(action, StartPod) else 0.0

    def _run(self) -> None:
        """Until nobody watches any more."""
        while True:
            with self._changed:
                if not self._watchers:
                    self._thread = None
                    return
                told = self._news()
                if not told:
                    sign_of_life(inf)
                    self._changed.wait(self._nap())
                sign_of_life()
            for changed in told:
                changed()

    def _news(self) -> list[Callable[[], None]]:
        now_seen = self._fleet.observe(self._clock()).nodes
        fresh = [n for n in self._watchers if self._seen.get(n) is not now_seen[n]]
        self._seen = {n: now_seen[n] for n in self._watchers}
        return [self._watchers[n] for n in fresh]

    def _nap(self) -> float | None:
        now = self._clock()
        change = self._fleet.next_change(now)
        return None if change is None else max(0.005, change - now)


class SimulatedNode:
    """One node of it (`engine.node.Node`)."""

    def __init__(self, world: RealTime, name: str) -> None:
        self.world, self.name = world, name

    def start(self, changed: Callable[[], None]) -> None:
        self.world.watch(self.name, changed)

    def state(self) -> NodeState:
        return self.world.look(self.name)

    def refresh(self) -> NodeState:
        return self.world.look(self.name)

    def prepare(self, action: PrepareNode) -> None:
        self.world.perform(action)

    def publish(self, action: Publish, contents: Contents) -> None:
        self.world.perform(action)

    def sessions(self, ip: str, seconds: float) -> int:
        """Nobody ever asks a simulated pod anything."""
        return 0

    def counters(self) -> tuple[Counter, ...]:
        return self.world.counters(self.name)

    def dial(self, host: str, port: int, seconds: float) -> Stream:
        raise ConnectionRefusedError(f"a simulated node leads nowhere: {host}:{port}")

    def start_pod(self, action: StartPod, contents: Contents) -> None:
        self.world.perform(action)

    def start_containers(self, action: StartContainers) -> None:
        self.world.perform(action)

    def restart_container(self, action: RestartContainer) -> None:
        self.world.perform(action)

    def remove_images(self, action: RemoveImages) -> None:
        self.world.perform(action)

    def record_end(self, action: RecordEnd) -> None:
        self.world.perform(action)

    def stop_pod(self, action: StopPod) -> None:
        self.world.perform(action)

    def close(self) -> None:
        self.world.unwatch(self.name)
