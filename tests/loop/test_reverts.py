"""The thread that takes versions back: once each, again when that may help, never in the loop's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import RevertError, SourceError
from reconciler.loop import reverts as module
from reconciler.loop.cycle import Loop
from reconciler.loop.narrate import Narrator
from reconciler.loop.reverts import Reverts
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Wanted
from reconciler.manifests.desired import desired
from reconciler.manifests.load import load_tree
from reconciler.model.fleet import GitSource
from reconciler.model.meta import Key
from reconciler.model.observed import Observed
from reconciler.model.reversal import Reversal, Reverted
from reconciler.model.revision import Revision
from reconciler.source.open import open_reverter
from reconciler.source.reverting import Judge
from tests.loop.test_cycle import World
from tests.loop.test_wanted import FLEET, deployment
from tests.source.conftest import Work, own_git, until
from tests.source.reverted import fleet

__all__ = ["own_git"]

WEB = Key("Deployment", "default", "web")


def reversal(bad: str = "bad", stable: str = "good") -> Reversal:
    return Reversal(about=WEB, template_hash=bad, stable_hash=stable, evidence="Why: it failed")


Answer = str | Exception | Callable[[], Exception]


class Outcomes:
    """A repository that answers as it is told; `hold` makes it slow. A function is called for its answer."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), list[Reversal]()
        self.hold = threading.Event()
        self.hold.set()
        self.closed = False

    def revert(self, reversal: Reversal, judge: Judge) -> str:
        self.asked.append(reversal)
        assert self.hold.wait(60)
        if not judge.wanted():
            return ""
        answer = self.answers.pop(0) if self.answers else "c" * 40
        if isinstance(answer, str):
            return answer
        raise answer if isinstance(answer, Exception) else answer()

    def close(self) -> None:
        self.closed = True
        self.hold.set()


class Hand:
    """What the loop does with it, without the loop."""

    def __init__(self, outcomes: Outcomes) -> None:
        self.woken = threading.Semaphore(0)
        self.reverts = Reverts(FLEET, outcomes, self.woken.release)

    def after(self, due: tuple[Reversal, ...], revision: str = "r1") -> tuple[Reverted, ...]:
        """What is told once something has come of it."""
        self.reverts.pursue(due, revision)
        assert self.woken.acquire(timeout=60)
        return self.reverts.ended()


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[Hand, Outcomes]]]:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.02)
    made: list[Hand] = []

    def make(*answers: Answer) -> tuple[Hand, Outcomes]:
        outcomes = Outcomes(*answers)
        made.append(Hand(outcomes))
        return made[-1], outcomes

    yield make
    for one in made:
        one.reverts.close()


Make = Callable[..., tuple[Hand, Outcomes]]


def test_a_version_is_taken_back_once(hand: Make) -> None:
    one, repository = hand("c" * 40)
    assert one.after((reversal(),)) == (Reverted(reversal=reversal(), commit="c" * 40),)
    one.reverts.pursue((reversal(),), "r2")
    assert not one.woken.acquire(timeout=0.2), "also when the branch has moved and it is still due"
    assert one.reverts.ended() == ()
    assert one.reverts.complaints() == ()
    assert len(repository.asked) == 1


def test_a_slow_server_holds_up_nothing(hand: Make) -> None:
    one, repository = hand("c" * 40)
    repository.hold.clear()
    began = time.monotonic()
    for _ in range(100):
        one.reverts.pursue((reversal(),), "r1")
        assert one.reverts.ended() == ()
    assert time.monotonic() - began < 30, "the server hasn't answered yet"
    repository.hold.set()
    assert one.woken.acquire(timeout=60)
    assert len(one.reverts.ended()) == 1


def test_what_may_pass_is_tried_again_and_told_once(hand: Make) -> None:
    down, looked = SourceError("the server can't be reached", remedy="check it"), threading.Event()

    def later() -> Exception:
        assert looked.wait(60)
        return down

    one, repository = hand(down, later, down, "c" * 40)
    (told,) = one.after((reversal(),))
    assert told.error == "the server can't be reached; check it"
    assert one.reverts.complaints() == (
        "Deployment default/web isn't taken back in Git: the server can't be reached; check it",
    )
    looked.set()
    until(lambda: len(repository.asked) == 4)
    assert one.woken.acquire(timeout=60)
    until(lambda: one.reverts.complaints() == ())
    assert [end.commit for end in one.reverts.ended()] == ["c" * 40]


def test_what_somebody_has_decided_otherwise_meanwhile_is_not_pushed(hand: Make) -> None:
    """`retry`, say; and when that fails, too, it is taken back after all."""
    one, repository = hand("c" * 40)
    repository.hold.clear()
    one.reverts.pursue((reversal(),), "r1")
    until(lambda: bool(repository.asked))
    one.reverts.pursue((), "r1")
    repository.hold.set()
    assert one.woken.acquire(timeout=60)
    assert (one.reverts.ended(), one.reverts.complaints()) == ((), ())
    assert one.after((reversal(),)) == (Reverted(reversal=reversal(), commit="c" * 40),)


def test_a_conflict_waits_for_the_branch_to_move(hand: Make) -> None:
    one, repository = hand(RevertError("conflict"), "c" * 40)
    assert one.after((reversal(),))[0].error == "conflict"
    one.reverts.pursue((reversal(),), "r1")
    assert not one.woken.acquire(timeout=0.2), "nothing is tried while the branch stands still"
    assert len(repository.asked) == 1
    assert one.after((reversal(),), "r2")[0].commit == "c" * 40


def test_a_branch_that_has_moved_on_is_told_nowhere(hand: Make) -> None:
    one, _ = hand("")
    assert one.after((reversal(),)) == ()
    assert one.reverts.complaints() == ()


def test_a_bug_is_told_and_ends_nothing(hand: Make) -> None:
    one, _ = hand(ValueError("oops"), "c" * 40)
    assert "internal error" in one.after((reversal(),))[0].error
    assert one.woken.acquire(timeout=60)
    assert [end.commit for end in one.reverts.ended()] == ["c" * 40]


def test_closing_cuts_off_what_is_under_way(hand: Make) -> None:
    one, repository = hand("c" * 40)
    repository.hold.clear()
    one.reverts.pursue((reversal(),), "r1")
    until(lambda: repository.asked)
    one.reverts.close()
    assert repository.closed
    assert one.reverts.ended() == ()


def test_it_is_told_as_an_event() -> None:
    done = Reverted(reversal=reversal(), commit="c" * 40)
    wrong = Reverted(reversal=reversal("worse"), error="we may not push")
    turn = Turn(at=5.0, seconds=0.0, observed=Observed(), reverted=(done, wrong))
    lines, events = Narrator().tell(turn)
    assert [(e.type, e.reason, e.message) for e in events] == [
        ("Normal", "RolloutReverted", "version bad was taken back in Git by ccccccc"),
        ("Warning", "RevertFailed", "version worse isn't taken back in Git: we may not push"),
    ]
    assert lines[0] == "Deployment default/web: version bad was taken back in Git by ccccccc"


def test_the_loop_tells_what_is_due_and_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is due comes from the progress that was just decided; failures become notes, also one that comes
    in the middle of a pass.
    """
    world, repository = World(tmp_path), Outcomes(RevertError("conflict"))
    world.source.push("r1", deployment("web:1"))
    nodes = {name: world.time.node(name) for name in ("a",)}
    loop = Loop(Wanted(FLEET, world.source), nodes, world.memory, [])
    reverts = Reverts(FLEET, repository, loop.wake)
    repository.hold.clear()

    def due(*_: object) -> tuple[Reversal, ...]:
        if repository.asked:
            repository.hold.set()
            until(reverts.complaints)
        return (reversal(),)

    monkeypatch.setattr("reconciler.loop.cycle.due", due)
    loop.revert(reverts)
    loop.watch_nodes()
    loop.watch_source()
    told: list[Reverted] = []

    def complete(turn: Turn) -> bool:
        told.extend(turn.reverted)
        return bool(told) and turn.plan is not None and "conflict" in " ".join(turn.plan.notes)

    try:
        loop.run(complete)
    finally:
        loop.close(30)
    assert [one.error for one in told] == ["conflict"]
    assert repository.closed


@pytest.mark.programs
def test_manifests_in_a_real_repository(tmp_path: Path) -> None:
    """Also what a workload reads belongs to its version: the settings are taken back, the rest stays."""
    work, remote = Work(tmp_path / "work"), tmp_path / "remote.git"
    work.git("init", "--bare", "--quiet", "--initial-branch=main", str(remote))
    work.git("remote", "add", "origin", str(remote))
    settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {x: '%s'}\n"
    work.commit({"web.yaml": deployment("web:1", config="settings"), "s.yaml": settings % 1}, "First")
    good = _hash(work.path)
    work.commit({"s.yaml": settings % 2}, "Settings")
    work.commit({"more.yaml": settings.replace("settings", "more") % 1}, "More")
    bad = _hash(work.path)
    assert good != bad
    work.git("push", "--quiet", "origin", "main")
    git_fleet = fleet(git=GitSource(url=str(remote)))
    woken = threading.Event()
    reverts = Reverts(git_fleet, open_reverter(git_fleet, tmp_path / "cache"), woken.set)
    reverts.pursue((reversal(bad, good),), "r1")
    assert woken.wait(120)
    reverts.close()
    (end,) = reverts.ended()
    assert end.error == ""
    work.git("pull", "--quiet", "origin", "main")
    assert _hash(work.path) == good
    assert (work.path / "more.yaml").exists()
    assert work.git("log", "-1", "--format=%s") == 'Revert "Settings"'


def _hash(folder: Path) -> str:
    return desired(FLEET, Revision(id=""), load_tree(folder).objects).hashes[WEB]
