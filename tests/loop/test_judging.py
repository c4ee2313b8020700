"""Measurements beside the loop: asked for by a plan, made elsewhere, folded in before the next decision."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from reconciler.loop.cycle import Loop
from reconciler.loop.once import Finish
from reconciler.loop.turn import Turn
from reconciler.measuring import Analyst
from reconciler.model.desired import Contents
from reconciler.model.meta import Key
from reconciler.model.plan import Measure, Measured
from reconciler.model.traffic import Counter
from tests.loop.test_cycle import World, many
from tests.manifests.build import canary, rollout, template
from tests.measuring.server import serving

OWN = Key("AnalysisRun", "default", "smoke")


def run_file(url: str, more: str = "") -> str:
    return f"""\
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata:
  name: smoke
spec:
  args:
    - name: url
      value: {url}
  metrics:
    - name: ok
      successCondition: result.ok
      {more}
      provider:
        web:
          url: "{{{{args.url}}}}"
"""


def nothing() -> Mapping[str, Sequence[Counter]]:
    return {}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def converge(world: World, make: Callable[[Loop], object]) -> Turn:
    loop = world.loop()
    loop.judge(make(loop))  # type: ignore[arg-type]
    try:
        finish = Finish(60.0, 0.2)
        return loop.run(finish, finish.nap)
    finally:
        assert loop.close(30)


def test_a_run_is_measured_judged_and_remembered(world: World) -> None:
    with serving({"ok": True}) as server:
        world.source.push("one", many("web:v1") + run_file(server.url))
        converge(world, lambda loop: Analyst(loop.wake, nothing))
    run = world.memory.kept.runs[OWN]
    assert (run.phase, run.metrics["ok"].measurements[0].value) == ("Successful", '{"ok": true}')
    assert len(server.asked) == 1, "once, though several plans asked for it"


def test_once_is_not_over_while_something_is_being_measured(world: World) -> None:
    def slowly(_: object) -> tuple[int, dict[str, str], dict[str, bool]]:
        time.sleep(1.0)  # the server's own slowness, long after everything else has converged
        return 200, {}, {"ok": False}

    with serving(slowly) as server:
        world.source.push("one", many("web:v1") + run_file(server.url))
        turn = converge(world, lambda loop: Analyst(loop.wake, nothing))
    assert world.memory.kept.runs[OWN].phase == "Failed"
    assert turn.plan is not None
    assert any("AnalysisRun default/smoke: Failed" in note for note in turn.plan.notes)


class Recorded:
    """Hands out what it is told to, and remembers what it was asked."""

    def __init__(self) -> None:
        self.submitted: list[tuple[Measure, ...]] = []
        self.waiting: list[Measured] = []
        self.closed = threading.Event()

    def submit(self, measures: Sequence[Measure], contents: Contents) -> None:
        self.submitted.append(tuple(measures))

    def ended(self) -> Sequence[Measured]:
        found, self.waiting = self.waiting, []
        return found

    def close(self) -> None:
        self.closed.set()


def test_every_plan_asks_until_it_came_and_progress_is_saved_with_it(world: World) -> None:
    world.source.push("one", many("web:v1", replicas=0) + run_file("http://nowhere.invalid/"))
    recorded = Recorded()
    loop = world.loop()
    loop.judge(recorded)
    try:
        loop.run(lambda turn: turn.plan is not None)
        loop.turn()
        assert [len(m) for m in recorded.submitted[-2:]] == [1, 1]
        asked = recorded.submitted[-1][0]
        assert asked.run == OWN
        recorded.waiting = [
            Measured(run=OWN, metric="ok", number=0, started_at=1.0, finished_at=2.0, value='{"ok": true}')
        ]
        loop.turn()
        assert recorded.submitted[-1] == ()
        assert world.memory.kept.runs[OWN].phase == "Successful"
    finally:
        loop.close(30)
    assert recorded.closed.is_set()


def test_an_end_wakes_a_sleeping_loop(world: World) -> None:
    gate = threading.Event()

    def gated(_: object) -> tuple[int, dict[str, str], dict[str, bool]]:
        assert gate.wait(20)
        return 200, {}, {"ok": True}

    with serving(gated) as server:
        world.source.push("one", many("web:v1", replicas=0) + run_file(server.url))
        loop = world.loop()
        loop.judge(Analyst(loop.wake, nothing))
        asleep = threading.Timer(0.5, gate.set)
        try:
            asleep.start()
            began = time.monotonic()
            loop.run(lambda _: world.memory.kept.runs.get(OWN, None) is not None and _done(world))
            assert time.monotonic() - began < 20, "not only with the next full pass, a minute later"
        finally:
            loop.close(30)


def test_what_comes_of_the_run_of_before_judges_nothing(world: World) -> None:
    """Its file was changed while it was being measured: the answer isn't one to what is asked now."""
    gate, asked = threading.Event(), threading.Event()

    def gated(_: object) -> tuple[int, dict[str, str], dict[str, bool]]:
        asked.set()
        assert gate.wait(20)
        return 200, {}, {"ok": True}

    with serving(gated) as before, serving({"ok": False}) as after:
        world.source.push("one", many("web:v1", replicas=0) + run_file(before.url))
        loop = world.loop()
        loop.judge(Analyst(loop.wake, nothing))
        try:
            loop.run(lambda _: asked.is_set(), nap=lambda: 0.05)
            world.source.push("two", many("web:v1", replicas=0) + run_file(after.url))
            loop.wake()
            loop.run(lambda _: world.memory.kept.accepted == "two")
            gate.set()
            loop.run(lambda _: world.memory.kept.runs[OWN].phase in ("Successful", "Failed"))
        finally:
            gate.set()
            loop.close(30)
    assert world.memory.kept.runs[OWN].phase == "Failed"
    assert len(after.asked) == 1


def _done(world: World) -> bool:
    return world.memory.kept.runs[OWN].phase == "Successful"


def judged(image: str, url: str) -> str:
    """A Rollout, and the template that its second step names."""
    given = "{templates: [{templateName: checks}], args: [{name: url, value: '" + url + "'}]}"
    steps = canary("{setWeight: 50}, {analysis: " + given + "}")
    ok = "successCondition: result.ok"
    asked = template(ok, provider="{web: {url: '{{args.url}}'}}", spec="args: [{name: url}]", name="checks")
    return "---\n".join((rollout(steps, spec="replicas: 2", image=image), asked))


@pytest.mark.parametrize(("good", "image"), [(True, "web:v2"), (False, "web:v1")])
def test_a_version_stays_only_if_it_was_measured_good(world: World, good: bool, image: str) -> None:
    with serving({"ok": good}) as server:
        world.source.push("one", judged("web:v1", server.url))
        converge(world, lambda loop: Analyst(loop.wake, nothing))
        assert server.asked == [], "a first version isn't judged"
        world.source.push("two", judged("web:v2", server.url))
        converge(world, lambda loop: Analyst(loop.wake, nothing))
        assert len(server.asked) == 1
    assert world.images() == [image] * 2
