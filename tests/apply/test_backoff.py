"""What failed rests before it is tried again, longer each time."""

from __future__ import annotations

from reconciler.apply.backoff import Backoff
from reconciler.errors import EngineError, NodeUnreachable
from reconciler.model.action import PrepareNode
from tests.apply.test_walk import start, stop

NO = EngineError("no", node="a")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double_up_to_a_minute() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    pauses = []
    for _ in range(8):
        backoff.ended(stop("web"), NO)
        pause = backoff.pause()
        assert pause is not None and backoff.holds(stop("web"))
        pauses.append(pause)
        clock.now += pause
        assert not backoff.holds(stop("web"))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


def test_success_ends_it() -> None:
    backoff = Backoff(Clock())
    backoff.ended(stop("web"), NO)
    backoff.ended(stop("web"), None)
    assert not backoff.holds(stop("web"))
    assert backoff.pause() is None


def test_other_pods_and_other_actions_do_not_wait() -> None:
    backoff = Backoff(Clock())
    backoff.ended(stop("web"), NO)
    network = PrepareNode(node="a", because="its first pods", owner=None, pod_cidr="10.42.1.0/24")
    assert not any(map(backoff.holds, [stop("web", "b"), stop("other"), start("web"), network]))


def test_a_pod_that_cannot_start_has_a_memory_of_its_own() -> None:
    backoff = Backoff(Clock())
    backoff.ended(start("web"), NO)
    assert backoff.pause() is None


def test_a_node_that_does_not_answer_is_asked_soon_but_not_at_once() -> None:
    """An engine that stops refuses every call for seconds, before its node is known to be lost."""
    clock = Clock()
    backoff = Backoff(clock)
    pauses = []
    for _ in range(6):
        backoff.ended(stop("web"), NodeUnreachable("no Docker Engine answers", node="a"))
        assert backoff.holds(stop("web"))
        pauses.append(backoff.pause() or 0.0)
        clock.now += pauses[-1]
    assert pauses == [0.5, 1, 2, 4, 4, 4]


def test_what_fails_is_said_with_the_remedy_while_it_is_wanted() -> None:
    backoff = Backoff(Clock())
    for _ in range(2):
        backoff.ended(stop("web"), EngineError("device busy", node="a", remedy="reboot it"))
    backoff.ended(stop("bug"), KeyError("x"))
    said = [str(f) for f in backoff.failing([stop("bug"), stop("web"), stop("fine")])]
    assert said == [
        "failed to stop bug@a: KeyError('x')",
        "failed to stop web@a (2 times): device busy; reboot it",
    ]
    backoff.ended(stop("web"), None)
    assert [f.action.subject for f in backoff.failing([stop("web")])] == []


def test_an_old_failure_is_forgotten() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(5):
        backoff.ended(stop("web"), NO)
    clock.now += 1000
    backoff.ended(stop("other"), None)
    backoff.ended(stop("web"), NO)
    assert backoff.pause() == 1
