"""The whole loop on a simulated fleet in real time: from files to running pods."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_node import RealTime
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.loop.cycle import Loop
from reconciler.loop.narrate import Narrator
from reconciler.loop.once import Finish
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Wanted
from reconciler.model.action import StartPod
from reconciler.model.fleet import Fleet, FleetMeta, FleetSpec, NodeSpec
from reconciler.model.meta import Key
from reconciler.model.progress import Progress
from tests.loop.test_wanted import Folders, deployment

WEB = Key("Deployment", "default", "web")
FLEET = Fleet(
    api_version="reconciler.io/v1",
    kind="Fleet",
    metadata=FleetMeta(name="test"),
    spec=FleetSpec(nodes=tuple(NodeSpec(name=n, address=f"sim://{n}") for n in ("a", "b", "c"))),
)


class Memory:
    """Progress that outlives a loop, as the state file does."""

    def __init__(self) -> None:
        self.kept = Progress()
        self.saves = 0

    def load(self) -> Progress:
        return self.kept

    def save(self, progress: Progress) -> None:
        self.kept, self.saves = progress, self.saves + 1


class World:
    """One simulated fleet, one source, and loops that come and go."""

    def __init__(self, root: Path) -> None:
        self.source, self.memory = Folders(root), Memory()
        self.fleet = SimulatedFleet(FLEET, Behaviour())
        self.time = RealTime(self.fleet)
        self.turns: list[Turn] = []

    def loop(self) -> Loop:
        nodes = {n.name: self.time.node(n.name) for n in FLEET.spec.nodes}
        loop = Loop(Wanted(FLEET, self.source), nodes, self.memory, [self.turns.append])
        loop.watch_nodes()
        loop.watch_source()
        return loop

    def converge(self, timeout: float = 60.0) -> Turn:
        loop = self.loop()
        try:
            finish = Finish(timeout, 0.2)
            return loop.run(finish, finish.nap)
        finally:
            assert loop.close(30)

    def images(self) -> list[str]:
        found = self.fleet.observe(time.time()).pods()
        return sorted(p.record.spec.containers[0].image for p in found)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def many(image: str, replicas: int = 4) -> str:
    return deployment(image).replace("spec:\n  selector", f"spec:\n  replicas: {replicas}\n  selector", 1)


def test_files_become_running_pods(world: World) -> None:
    world.source.push("one", many("web:v1"))
    turn = world.converge()
    assert turn.plan is not None
    assert turn.plan.standing == "converged"
    assert world.images() == ["web:v1"] * 4
    assert world.memory.kept.converged == "one"


@pytest.mark.parametrize("place", ["plan_workload", "survey"])
def test_a_bug_in_planning_is_logged_once_and_the_loop_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """In one workload's plan, or in what all plans begin with; and in whoever listens to passes."""
    room = import_module("reconciler.decide")
    whole = getattr(room, place)

    def broken(*args: Any) -> Any:
        raise OverflowError("too large")

    world.source.push("one", many("web:v1"))
    loop = world.loop()
    loop.listen(broken)
    monkeypatch.setattr(room, place, broken)
    with running(loop) as turns:
        until(lambda: sum(t.plan is not None and t.plan.standing == "failed" for t in turns()) > 2)
        plan = next(t.plan for t in reversed(turns()) if t.plan is not None)
        assert [n for n in plan.notes if "OverflowError: too large; this is a bug, please report it" in n]
        assert sum(r.exc_info is not None for r in caplog.records) == 2
        assert world.images() == []
        monkeypatch.setattr(room, place, whole)
        loop.wake()
        until(lambda: world.images() == ["web:v1"] * 4)


def test_a_converged_fleet_is_left_alone_and_nothing_is_written(world: World) -> None:
    world.source.push("one", many("web:v1"))
    world.converge()
    effects, saves = len(world.fleet.log), world.memory.saves
    world.converge()
    assert (len(world.fleet.log), world.memory.saves) == (effects, saves)


def test_a_new_revision_rolls_and_going_back_rolls_back(world: World) -> None:
    world.source.push("one", many("web:v1"))
    world.converge()
    world.source.push("two", many("web:v2"))
    world.converge()
    assert world.images() == ["web:v2"] * 4
    world.source.push("three", many("web:v1"))
    world.converge()
    assert world.images() == ["web:v1"] * 4


def test_an_image_that_does_not_exist_is_tried_again_later_not_at_once(world: World) -> None:
    world.fleet.behaviour = Behaviour(missing=frozenset({"web:v9"}))
    world.source.push("one", many("web:v9", replicas=1))
    loop = world.loop()
    try:
        loop.run(lambda turn: any(isinstance(o.action, StartPod) for o in turn.ended))
        turn = loop.turn()
    finally:
        assert loop.close(30)
    assert turn.plan is not None
    assert turn.plan.standing == "progressing"
    assert not any(isinstance(s.action, StartPod) for s in turn.begun)
    assert turn.plan.wake_at is not None
    tries = [o for t in world.turns for o in t.ended if isinstance(o.action, StartPod)]
    assert len(tries) == 1
    (attempt,) = world.memory.kept.attempts.values()
    assert "manifest unknown" in attempt.message


def test_progress_is_saved_before_the_first_effect(world: World) -> None:
    world.source.push("one", many("web:v1"))
    seen: list[Progress] = []
    node = world.time.perform

    def spying(action: object) -> None:
        seen.append(world.memory.kept)
        node(action)  # type: ignore[arg-type]

    world.time.perform = spying  # type: ignore[method-assign,assignment]
    world.converge()
    assert seen
    assert all(WEB in p.rollouts for p in seen)


def test_a_loop_that_is_stopped_halfway_is_continued_by_the_next(world: World) -> None:
    world.source.push("one", many("web:v1", replicas=6))
    loop = world.loop()
    loop.run(lambda turn: bool(turn.begun))
    loop.close(30)
    world.converge()
    assert world.images() == ["web:v1"] * 6


def test_nothing_is_decided_before_every_node_has_spoken(world: World) -> None:
    world.source.push("one", many("web:v1"))
    world.converge()
    world.time.change(lambda fleet, now: fleet.unask("b"))
    before = len(world.fleet.log)
    loop = world.loop()
    turn = loop.turn()
    assert turn.plan is None
    world.time.change(lambda fleet, now: fleet.heal("b"))
    assert loop.turn().plan is not None
    loop.close(30)
    assert len(world.fleet.log) == before


def test_a_dead_container_is_running_again_soon(world: World) -> None:
    world.source.push("one", many("web:v1", replicas=1))
    world.converge()
    with running(world.loop()) as turns:
        (pod,) = world.fleet.observe(time.time()).pods()
        world.time.change(lambda fleet, now: fleet.kill_container(pod.node, pod.key, "app", now))
        until(lambda: any(s.action.verb == "start" for t in turns() for s in t.begun))
        until(lambda: next(iter(world.fleet.observe(time.time()).pods())).ready)


def test_the_newest_of_many_revisions_wins(world: World) -> None:
    with running(world.loop()):
        for number in range(10):
            world.source.push(f"r{number}", many(f"web:v{number}"))
            time.sleep(0.02)
        until(lambda: world.images() == ["web:v9"] * 4)


def test_a_refused_revision_is_told_once_and_changes_nothing(world: World) -> None:
    world.source.push("good", many("web:v1"))
    world.converge()
    world.source.push("bad", "kind: Nonsense\n")
    narrator = Narrator()
    loop = world.loop()
    told = [narrator.tell(loop.turn())[0] for _ in range(3)]
    loop.close(30)
    assert sum("is refused" in line for lines in told for line in lines) == 1
    assert world.images() == ["web:v1"] * 4


def test_stop_ends_the_loop_from_another_thread(world: World) -> None:
    world.source.push("one", many("web:v1"))
    loop = world.loop()
    threading.Timer(0.2, loop.stop).start()
    loop.run()
    assert loop.close(30)


class running:  # noqa: N801  # reads as a word: `with running(loop)`
    """A loop in a thread; a ticker wakes it, since the source of these tests can't."""

    def __init__(self, loop: Loop) -> None:
        self._loop, self._turns = loop, list[Turn]()
        self._thread = threading.Thread(target=loop.run)
        self._done = threading.Event()

    def __enter__(self) -> Callable[[], list[Turn]]:
        self._loop.listen(self._turns.append)
        self._thread.start()
        threading.Thread(target=self._tick, daemon=True).start()
        return lambda: list(self._turns)

    def _tick(self) -> None:
        while not self._done.wait(0.02):
            self._loop.wake()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._loop.stop()
        self._thread.join(30)
        assert self._loop.close(30)


def until(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    yield
    until(lambda: not [t for t in threading.enumerate() if t.name.startswith("apply-")])
