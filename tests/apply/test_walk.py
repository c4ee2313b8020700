"""The walker against nodes whose effects the test opens and closes by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from reconciler.apply.inflight import overlay
from reconciler.apply.walk import Outcome, Walker
from reconciler.errors import EngineError
from reconciler.model.action import AnyAction, PrepareNode, Publish, StartPod, StopPod
from reconciler.model.container import Container
from reconciler.model.desired import Contents
from reconciler.model.meta import Key
from reconciler.model.observed import NodeState, Observed, PodRecord, PodState
from reconciler.model.plan import Step
from reconciler.model.pod import PodSpec
from reconciler.model.traffic import NodeTraffic, Overlay
from reconciler.turns import away

OWNER = Key("Deployment", "default", "web")


def record(pod: str, node: str = "a") -> PodRecord:
    spec = PodSpec(containers=(Container(name="app", image="web:v1"),))
    return PodRecord(
        namespace="default", name=pod, owner=OWNER, template_hash="h", revision="r", node=node, spec=spec
    )


def start(pod: str, node: str = "a") -> StartPod:
    return StartPod(
        node=node, because="it is wanted", owner=OWNER, namespace="default", pod=pod, record=record(pod, node)
    )


def stop(pod: str, node: str = "a") -> StopPod:
    return StopPod(node=node, because="it isn't wanted", owner=OWNER, namespace="default", pod=pod, grace=0)


TELL = Publish(
    node="a",
    because="web: it is new",
    owner=None,
    traffic=NodeTraffic(
        node="a",
        pod_range="10.42.0.0/16",
        pod_cidr="10.42.1.0/24",
        service_range="10.43.0.0/16",
        dns="10.43.0.10",
        overlay=Overlay(address="10.0.0.1"),
    ),
)


class GatedNode:
    """Blocks each effect until its gate opens; fails those that it is told to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log: list[str] = []
        self.gates: dict[str, threading.Event] = {}
        self.broken: set[str] = set()
        self.begun = threading.Semaphore(0)

    def start_pod(self, action: StartPod, contents: Contents) -> None:
        self._effect(action)

    def stop_pod(self, action: StopPod) -> None:
        self._effect(action)

    def prepare(self, action: PrepareNode) -> None:
        self.log.append("prepare")

    def publish(self, action: Publish, contents: Contents) -> None:
        self.log.append("publish")

    def _effect(self, action: StartPod | StopPod) -> None:
        self.log.append(f"{action.verb} {action.pod}")
        self.begun.release()
        if action.pod in self.gates:
            assert self.gates[action.pod].wait(60)
        if action.pod in self.broken:
            raise EngineError("no", node=self.name)


class Bench:
    """A walker with two nodes, and what became of its actions."""

    def __init__(self) -> None:
        self.nodes = {"a": GatedNode("a"), "b": GatedNode("b")}
        self.outcomes: list[Outcome] = []
        self.woken = threading.Condition()
        self.walker = Walker(self.nodes, self.outcomes.append, self.wake)  # type: ignore[arg-type]

    def wake(self) -> None:
        with self.woken:
            self.woken.notify_all()

    def submit(self, *steps: Step) -> list[Step]:
        return self.walker.submit(steps, lambda _: {})

    def until_true(self, holds: Callable[[], bool]) -> None:
        """Of what wakes nobody."""
        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.005)

    def until(self, holds: Callable[[], bool]) -> None:
        with self.woken:
            assert self.woken.wait_for(holds, 60)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Its threads end with the test."""
    bench = Bench()
    yield bench
    assert bench.walker.stop(60)


def step(number: int, action: AnyAction, *after: int) -> Step:
    return Step(number=number, action=action, after=after)


def test_a_step_runs_only_after_those_before_it_succeeded(bench: Bench) -> None:
    bench.nodes["a"].gates["old"] = threading.Event()
    bench.submit(step(1, stop("old")), step(2, start("new", "b"), 1))
    assert bench.nodes["b"].log == []
    bench.nodes["a"].gates["old"].set()
    bench.until(lambda: not bench.walker.under_way())
    assert bench.nodes["b"].log == ["start new"]


def test_a_failure_drops_what_depends_on_it_also_through_others(bench: Bench) -> None:
    bench.nodes["a"].broken.add("old")
    first, second, third = step(1, stop("old")), step(2, start("new"), 1), step(3, start("newer"), 2)
    bench.submit(first, second, third, step(4, start("x")))
    bench.until(lambda: not bench.walker.under_way())
    assert sorted(bench.nodes["a"].log) == ["start x", "stop old"]
    assert {o.action.pod: o.error is None for o in bench.outcomes} == {"old": False, "x": True}  # type: ignore[union-attr]


def test_a_slow_node_delays_its_own_steps_only(bench: Bench) -> None:
    gate = bench.nodes["a"].gates["slow"] = threading.Event()
    bench.submit(step(1, start("slow", "a")), step(2, start("quick", "b")))
    bench.until(lambda: len(bench.walker.under_way()) == 1)
    assert [a.pod for a in bench.walker.under_way()] == ["slow"]  # type: ignore[union-attr]
    gate.set()
    bench.until(lambda: not bench.walker.under_way())


def test_many_pods_that_end_slowly_dont_hold_up_a_start(bench: Bench) -> None:
    gates = [bench.nodes["a"].gates.setdefault(f"old-{i}", threading.Event()) for i in range(20)]
    bench.submit(*(step(i + 1, stop(f"old-{i}")) for i in range(20)))
    bench.submit(step(1, start("new")))
    bench.until(lambda: "start new" in bench.nodes["a"].log)
    for gate in gates:
        gate.set()
    bench.until(lambda: not bench.walker.under_way())


def test_a_registry_that_hangs_holds_up_neither_traffic_nor_stops_nor_other_starts(bench: Bench) -> None:
    node = bench.nodes["a"]
    slow = [f"slow-{i}" for i in range(12)]
    gate = threading.Event()
    pulling: set[str] = set()
    most = 0

    def start_pod(action: StartPod, contents: Contents) -> None:
        nonlocal most
        if action.pod in slow:
            with away("registry.example.net", 3):
                pulling.add(action.pod)
                most = max(most, len(pulling))
                assert gate.wait(60)
                pulling.discard(action.pod)
        elif action.pod == "elsewhere":
            with away("docker.io", 3):
                pass
        node.log.append(f"start {action.pod}")

    node.start_pod = start_pod  # type: ignore[method-assign]
    bench.submit(*(step(i, start(pod)) for i, pod in enumerate(slow, 1)))
    bench.until_true(lambda: len(pulling) == 3)
    bench.submit(step(1, TELL), step(2, stop("old")), step(3, start("ready")), step(4, start("elsewhere")))
    bench.until(lambda: len(bench.walker.under_way()) == len(slow))
    assert sorted(node.log) == ["publish", "start elsewhere", "start ready", "stop old"]
    gate.set()
    bench.until(lambda: not bench.walker.under_way())
    assert most == 3
    assert {f"start {pod}" for pod in slow} < set(node.log)


def test_four_starts_work_at_a_time(bench: Bench) -> None:
    node = bench.nodes["a"]
    pods = [f"web-{i}" for i in range(9)]
    gates = {pod: node.gates.setdefault(pod, threading.Event()) for pod in pods}
    bench.submit(*(step(i, start(pod)) for i, pod in enumerate(pods, 1)))
    for _ in range(4):
        assert node.begun.acquire(timeout=60)
    assert len(node.log) == 4
    gates[node.log[0].removeprefix("start ")].set()
    assert node.begun.acquire(timeout=60)
    assert len(node.log) == 5
    for gate in gates.values():
        gate.set()
    bench.until(lambda: not bench.walker.under_way())


def test_starts_that_wait_for_their_turn_never_begin_after_a_stop(bench: Bench) -> None:
    node = bench.nodes["a"]
    pods = [f"web-{i}" for i in range(9)]
    gates = [node.gates.setdefault(pod, threading.Event()) for pod in pods]
    bench.submit(*(step(i, start(pod)) for i, pod in enumerate(pods, 1)))
    for _ in range(4):
        assert node.begun.acquire(timeout=60)
    assert not bench.walker.stop(0.05)
    for gate in gates:
        gate.set()
    assert bench.walker.stop(60)
    assert len(node.log) == 4


def test_a_subject_is_busy_until_its_action_ends(bench: Bench) -> None:
    gate = bench.nodes["a"].gates["web"] = threading.Event()
    assert len(bench.submit(step(1, start("web")))) == 1
    assert bench.submit(step(1, start("web"))) == []
    gate.set()
    bench.until(lambda: not bench.walker.under_way())
    assert len(bench.submit(step(1, start("web")))) == 1


def test_what_comes_after_a_busy_step_is_left_to_a_later_plan(bench: Bench) -> None:
    """A node's network is still being made: a further pod of it must not begin without."""
    gate = bench.nodes["a"].gates["old"] = threading.Event()
    bench.submit(step(1, stop("old")))
    assert bench.submit(step(1, stop("old")), step(2, start("new"), 1), step(3, start("newer"), 2)) == []
    gate.set()
    bench.until(lambda: not bench.walker.under_way())
    assert bench.nodes["a"].log == ["stop old"]


def test_what_failed_is_not_done_again_at_once_nor_what_comes_after_it(bench: Bench) -> None:
    bench.nodes["a"].broken.add("old")
    bench.submit(step(1, stop("old")))
    bench.until(lambda: not bench.walker.under_way())
    assert bench.submit(step(1, stop("old")), step(2, start("new"), 1)) == []
    assert 0 < (bench.walker.pause() or 0) <= 1
    (other,) = bench.submit(step(1, stop("other")))
    assert other.action.subject == "other@a"


def test_an_outcome_is_there_before_its_action_is_no_longer_under_way(bench: Bench) -> None:
    """Whoever sees that it is over must find what became of it: the outcome is told while it still counts."""
    under_way: list[int] = []

    def tell(outcome: Outcome) -> None:
        under_way.append(len(walker.under_way()))
        bench.outcomes.append(outcome)

    walker = Walker(bench.nodes, tell, bench.wake)  # type: ignore[arg-type]  # it is all that it uses of a node
    walker.submit([step(1, start("web"))], lambda _: {})
    bench.until(lambda: not walker.under_way())
    assert under_way == [1]
    assert len(bench.outcomes) == 1
    assert walker.stop(60)


def test_a_second_step_for_a_node_is_left_to_the_plan_after_the_first(bench: Bench) -> None:
    """A node container is made, then told what to do; both are done to the node."""
    prepare = PrepareNode(node="a", because="it is missing", owner=None, pod_cidr="10.42.1.0/24")
    publish = TELL
    begun = bench.submit(step(1, prepare), step(2, publish, 1), step(3, stop("old"), 2), step(4, start("x")))
    assert [s.number for s in begun] == [1, 4]
    bench.until(lambda: not bench.walker.under_way())
    begun = bench.submit(step(1, publish), step(2, stop("old"), 1))
    bench.until(lambda: not bench.walker.under_way())
    assert sorted(bench.nodes["a"].log) == ["prepare", "publish", "start x", "stop old"]
    assert bench.nodes["a"].log.index("publish") < bench.nodes["a"].log.index("stop old")


def test_stop_lets_what_has_begun_end_and_begins_nothing_more(bench: Bench) -> None:
    gate = bench.nodes["a"].gates["web"] = threading.Event()
    bench.submit(step(1, start("web")), step(2, start("next"), 1))
    bench.nodes["a"].begun.acquire()
    assert not bench.walker.stop(0.05)
    gate.set()
    assert bench.walker.stop(60)
    assert bench.nodes["a"].log == ["start web"]
    assert bench.submit(step(1, start("late"))) == []


def test_a_bug_in_an_effect_is_an_outcome_not_the_end() -> None:
    outcomes: list[Outcome] = []
    done = threading.Event()
    walker = Walker({"a": object()}, outcomes.append, done.set)  # type: ignore[dict-item]
    walker.submit([step(1, start("web"))], lambda _: {})
    assert done.wait(60)
    assert isinstance(outcomes[0].bug, AttributeError)
    assert walker.stop(60)


def test_a_node_that_left_the_inventory_is_unreachable(bench: Bench) -> None:
    bench.submit(step(1, start("web", "gone")))
    bench.until(lambda: bool(bench.outcomes))
    assert "not in the inventory" in str(bench.outcomes[0].error)


def test_overlay_shows_what_is_coming_and_what_is_ending() -> None:
    there = PodState(record=record("old"), phase="Running", ready=True)
    observed = Observed([NodeState(name="a", reachable=True, pods=(there,)), NodeState(name="b")])
    shown = overlay(observed, [stop("old"), start("new")])
    pods = {p.record.name: p for p in shown.nodes["a"].pods}
    assert (pods["old"].busy, pods["old"].terminating) == (True, True)
    assert (pods["new"].busy, pods["new"].reason) == (True, "ContainerCreating")
    assert shown.nodes["b"] is observed.nodes["b"]
    assert not observed.nodes["a"].pods[0].busy


def test_overlay_keeps_the_nodes_that_nothing_happens_on() -> None:
    observed = Observed([NodeState(name="a", reachable=True)])
    assert overlay(observed, []) is observed
