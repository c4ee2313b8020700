"""Law 9 in real time: steps overlap, proxies learn of things late, plans overtake each other."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest

from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_node import RealTime, SimulatedNode
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.loop.cycle import Loop
from reconciler.loop.once import Finish
from reconciler.model.action import Publish, StopPod
from reconciler.model.desired import Contents, Desired
from reconciler.model.observed import Observed
from reconciler.model.progress import Progress
from tests.decide.builders import deployment, desired, fleet, service
from tests.loop.test_cycle import Memory

OF = fleet("a", "b", "c", network={"enabled": True})


class Given:
    """A source that is told what is wanted."""

    refusal = error = None

    def __init__(self, wanted: Desired) -> None:
        self.wanted = wanted

    def update(self, progress: Progress, observed: Observed) -> Desired:
        return self.wanted

    def start(self, wake: Callable[[], None]) -> None: ...

    def close(self) -> None: ...


class LateNode(SimulatedNode):
    """Its proxy takes its time to do what it is told, and a pod that ends is looked for in every proxy."""

    lost: list[str]
    fleet: SimulatedFleet
    dice: random.Random

    def publish(self, action: Publish, contents: Contents) -> None:
        time.sleep(self.dice.choice([0.0, 0.01, 0.05]))
        super().publish(action, contents)

    def stop_pod(self, action: StopPod) -> None:
        for machine in self.fleet.machines.values():
            services = machine.traffic.services if machine.traffic else ()
            for end in (e for s in services for p in s.ports for e in p.endpoints):
                if end.name == action.pod and end.state == "ready":
                    self.lost.append(f"{machine.name} sends requests to {action.pod}, which ends")
        time.sleep(self.dice.choice([0.0, 0.02]))
        super().stop_pod(action)


def wanted(image: str, replicas: int) -> Desired:
    web = deployment(image=image, replicas=replicas, strategy={"rollingUpdate": {"maxSurge": 2}})
    return desired(web, of=OF, services=(service(), service("too", selector={"app": "web"})))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_overtakes_what_no_proxy_has_a_pod_that_ends(seed: int) -> None:
    dice = random.Random(seed)
    simulated = SimulatedFleet(OF, Behaviour(ready_seconds=0.02, stop_seconds=0.02))
    world, given, lost = RealTime(simulated), Given(wanted("web:v1", 6)), list[str]()
    nodes = {}
    for name in simulated.machines:
        nodes[name] = node = LateNode(world, name)
        node.lost, node.fleet, node.dice = lost, simulated, dice
    loop = Loop(given, nodes, Memory(), [])  # type: ignore[arg-type]  # Given is all that it asks a source for
    loop.watch_nodes()
    stop = threading.Event()

    def change() -> None:
        for number in range(12):
            if stop.wait(dice.choice([0.02, 0.1, 0.3])):
                return
            given.wanted = wanted(f"web:v{number % 3}", dice.choice([1, 3, 6]))
            loop.wake()

    changer = threading.Thread(target=change)
    changer.start()
    try:
        finish = Finish(120.0, 0.2)
        turn = loop.run(lambda t: not changer.is_alive() and finish(t), lambda: 0.05)
        assert turn.plan is not None
        assert turn.plan.standing == "converged", str(turn.plan)
    finally:
        stop.set()
        changer.join()
        assert loop.close(30)
    assert lost == []
    assert len({m.traffic.services for m in simulated.machines.values() if m.traffic}) == 1
    stopped = [a for a in simulated.log if isinstance(a, StopPod)]
    assert stopped, "pods did end"
