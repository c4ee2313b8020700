"""From a bad commit to its revert: a real repository, the whole loop, a simulated fleet."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

from reconciler.engine.simulation.simulated import SimulatedFleet
from reconciler.engine.simulation.simulated_node import RealTime
from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.loop.cycle import Loop
from reconciler.loop.narrate import Narrator
from reconciler.loop.reverts import Reverts
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Wanted
from reconciler.model.fleet import GitSource, SourceSpec
from reconciler.model.meta import Key
from reconciler.source.open import open_reverter, open_source
from tests.loop.test_cycle import FLEET, Memory
from tests.manifests.build import canary, rollout
from tests.source.conftest import Work, own_git

__all__ = ["own_git"]

pytestmark = pytest.mark.programs

WEB = Key("Rollout", "default", "web")


def manifest(image: str) -> str:
    """A canary that gives up after a second without progress."""
    spec = "replicas: 2\nprogressDeadlineSeconds: 1\nprogressDeadlineAbort: true"
    probe = "readinessProbe: {tcpSocket: {port: 80}}"
    return rollout(canary("{setWeight: 50}, {pause: {}}"), spec=spec, image=image, container=probe)


class Story:
    """`push` commits; `until` runs the loop to the moment that is asked for. Loops come and go."""

    def __init__(self, home: Path) -> None:
        self.home, self.memory = home, Memory()
        self.work, self.remote = Work(home / "work"), home / "remote.git"
        self.work.git("init", "--bare", "--quiet", "--initial-branch=main", str(self.remote))
        self.work.git("remote", "add", "origin", str(self.remote))
        spec = msgspec.structs.replace(
            FLEET.spec,
            source=SourceSpec(git=GitSource(url=str(self.remote), interval="1s")),
            on_abort="revert",
        )
        self.fleet = msgspec.structs.replace(FLEET, spec=spec)
        self.simulated = SimulatedFleet(self.fleet, Behaviour(never_ready=frozenset({"web:2"})))
        self.narrator, self.reasons = Narrator(), list[str]()

    def push(self, image: str, subject: str) -> None:
        self.work.commit({"web.yaml": manifest(image)}, subject)
        self.work.git("push", "--quiet", "origin", "main")

    def run(self, name: str, subject: str, *, told: str = "", timeout: float = 120.0) -> Turn:
        """Until this stage is reached at the commit of that subject, and the event `told` was told."""
        source = open_source(self.fleet, self.home / "cache")
        simulated = RealTime(self.simulated)
        nodes = {n.name: simulated.node(n.name) for n in self.fleet.spec.nodes}
        loop = Loop(Wanted(self.fleet, source), nodes, self.memory, [self._listen])
        reverter = open_reverter(self.fleet, self.home / "cache", source.wake)
        loop.revert(Reverts(self.fleet, reverter, loop.wake))
        loop.watch_nodes()
        loop.watch_source()
        until = time.monotonic() + timeout

        def reached(turn: Turn) -> bool:
            assert time.monotonic() < until, f"it never came to {name} at {subject}: {self.reasons}"
            state = turn.plan.progress.rollouts.get(WEB) if turn.plan else None
            found = state.delivery.stage if state and state.delivery else ""
            there = turn.desired is not None and (found, turn.desired.revision.subject) == (name, subject)
            return there and (not told or told in self.reasons)

        try:
            return loop.run(reached, lambda: 0.2)
        finally:
            assert loop.close(30)

    def _listen(self, turn: Turn) -> None:
        self.reasons += [e.reason for e in self.narrator.tell(turn)[1] if e.about == WEB]

    def images(self) -> list[str]:
        pods = self.simulated.observe(time.time()).pods()
        return sorted(p.record.spec.containers[0].image for p in pods if not p.terminating)

    def log(self) -> list[str]:
        return self.work.git("--git-dir", str(self.remote), "log", "--format=%s", "main").splitlines()


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_a_bad_commit_is_taken_back_without_anybody(story: Story) -> None:
    story.push("web:1", "First")
    story.run("done", "First")
    story.push("web:2", "Second")
    turn = story.run("done", 'Revert "Second"', told="RolloutReverted")
    assert story.log() == ['Revert "Second"', "Second", "First"]
    assert story.reasons.count("RolloutReverted") == 1
    assert turn.desired is not None
    assert turn.desired.revision.author == "reconciler"
    assert set(story.images()) == {"web:1"}
    body = story.work.git("--git-dir", str(story.remote), "log", "-1", "--format=%b", "main")
    assert "Why: no progress for 1s" in body
    assert f"Reconciler-Reverts: {WEB} " in body


def test_a_reconciler_that_died_before_it_takes_it_back_when_it_lives_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    story.push("web:1", "First")
    story.run("done", "First")
    story.push("web:2", "Second")
    with monkeypatch.context() as dead:
        dead.setattr(Reverts, "pursue", lambda *_: None)
        story.run("aborted", "Second")
    assert story.log() == ["Second", "First"]
    story.run("done", 'Revert "Second"')
    assert story.log() == ['Revert "Second"', "Second", "First"]
