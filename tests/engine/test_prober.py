"""The prober's own work, with an engine that answers as told: pace, concurrency, runs that end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from reconciler.engine.probes.prober import WORKERS, Prober
from reconciler.engine.probes.threshold import FIRST_WAIT_EXEC
from reconciler.errors import NodeUnreachable
from reconciler.model.observed import ContainerState, PodState
from tests.engine.pods import record


class Answering:
    """Stands for an Engine: `answer` is called for each exec, and may be slow or raise."""

    def __init__(self, answer: Callable[[], int]) -> None:
        self.answer, self.tries, self.at_once, self.most = answer, 0, 0, 0
        self.lock = threading.Lock()
        self.away = False

    def exec(self, container: str, command: tuple[str, ...], timeout: float) -> tuple[int, bytes]:
        with self.lock:
            self.tries += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            return self.answer(), b""
        finally:
            with self.lock:
                self.at_once -= 1

    def dial(self, host: str, port: int, timeout: float) -> Any:
        raise TimeoutError

    def ping(self, timeout: float) -> int:
        if self.away:
            raise NodeUnreachable("away", node="n")
        return 0


def pod(name: str = "web", started_at: float = 1.0, **probes: Any) -> PodState:
    one = record(name, {"containers": [{"name": "app", "image": "i", **probes}]})
    unprobed = not probes
    state = ContainerState(
        name="app",
        role="main",
        state="running",
        id=name,
        started_at=started_at,
        started=True,
        ready=unprobed,
    )
    return PodState(record=one, containers=(state,), phase="Running", ready=unprobed)


def command(**numbers: Any) -> dict[str, Any]:
    return {"exec": {"command": ["check"]}, **numbers}


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[Prober, threading.Event]]]:
    made: list[Prober] = []

    def build(engine: Any) -> tuple[Prober, threading.Event]:
        changed = threading.Event()
        made.append(Prober(lambda: engine, time.time, changed.set))
        return made[-1], changed

    yield build
    for one in made:
        one.close()


def test_pods_without_probes_cost_no_thread_and_stay_ready(make: Any) -> None:
    prober, _ = make(Answering(lambda: 0))
    before = threading.active_count()
    pods = (pod(),)
    prober.update(pods)
    assert prober.apply(pods)[0].ready
    assert threading.active_count() <= before, "those of other tests may end meanwhile"


def test_a_success_makes_ready_and_tells(make: Any) -> None:
    prober, changed = make(Answering(lambda: 0))
    pods = (pod(readinessProbe=command()),)
    prober.update(pods)
    assert changed.wait(60)
    (after,) = prober.apply(pods)
    assert after.ready
    assert after.containers[0].ready


def test_nothing_new_is_the_same_object(make: Any) -> None:
    prober, changed = make(Answering(lambda: 0))
    pods = (pod(readinessProbe=command()),)
    prober.update(pods)
    assert changed.wait(60)
    once = prober.apply(pods)
    assert prober.apply(once) is once


def test_many_slow_probes_run_side_by_side_but_not_all_at_once(make: Any) -> None:
    def slow() -> int:
        time.sleep(0.1)
        return 0

    engine = Answering(slow)
    prober, _ = make(engine)
    pods = tuple(pod(f"p{n}", readinessProbe=command()) for n in range(3 * WORKERS))
    prober.update(pods)
    until(lambda: all(p.ready for p in prober.apply(pods)))
    assert 2 <= engine.most <= WORKERS


def test_few_quick_probes_need_few_threads(make: Any) -> None:
    engine = Answering(lambda: 1)
    prober, _ = make(engine)
    prober.update(tuple(pod(f"p{n}", readinessProbe=command()) for n in range(4)))
    until(lambda: engine.tries >= 16)
    assert prober._threads <= 4 + 1, "one a try, and one that waits for the next"


def test_a_new_run_starts_with_a_clean_slate(make: Any) -> None:
    prober, changed = make(Answering(lambda: 1))
    first = (pod(livenessProbe=command(failureThreshold=1)),)
    prober.update(first)
    assert changed.wait(60)
    assert not prober.apply(first)[0].containers[0].live
    second = (pod(started_at=2.0, livenessProbe=command(failureThreshold=1, initialDelaySeconds=60)),)
    prober.update(second)
    assert prober.apply(second)[0].containers[0].live


def test_a_pod_that_is_gone_is_no_longer_tried(make: Any) -> None:
    engine = Answering(lambda: 1)
    prober, _ = make(engine)
    prober.update((pod(readinessProbe=command()),))
    until(lambda: engine.tries > 0)
    prober.update(())
    tries = engine.tries
    time.sleep(2 * FIRST_WAIT_EXEC)
    assert engine.tries <= tries + 1, "one try may have been under way"


def test_silence_of_the_container_counts_and_silence_of_the_node_does_not(make: Any) -> None:
    engine = Answering(lambda: 0)
    engine.away = True
    prober, changed = make(engine)
    pods = (pod(livenessProbe={"tcpSocket": {"port": 80}, "failureThreshold": 1, "periodSeconds": 1}),)
    prober.update(pods)
    assert not changed.wait(0.5)
    assert prober.apply(pods)[0].containers[0].live
    engine.away = False
    assert changed.wait(60)
    assert not prober.apply(pods)[0].containers[0].live


def test_a_try_during_which_we_stood_still_says_nothing_of_the_container() -> None:
    """A laptop that slept, a stopped process: the answer came, and nobody was there to take it."""
    slept = 0.0

    def late() -> int:
        nonlocal slept
        slept += 40.0
        return 1

    engine: Any = Answering(late)
    changed = threading.Event()
    prober = Prober(lambda: engine, time.time, changed.set, lost=lambda: slept)
    pods = (pod(livenessProbe=command(failureThreshold=1, periodSeconds=1)),)
    prober.update(pods)
    until(lambda: engine.tries > 1)
    assert prober.apply(pods)[0].containers[0].live
    engine.answer = lambda: 1
    assert changed.wait(60)
    assert not prober.apply(pods)[0].containers[0].live
    prober.close()


def test_pods_that_were_there_before_us_have_been_ready_all_the_while(make: Any) -> None:
    prober, changed = make(Answering(lambda: 0))
    started = time.time() - 100
    old = (pod(started_at=started, readinessProbe=command()),)
    prober.update(old)
    assert changed.wait(60)
    assert prober.apply(old)[0].ready_since == pytest.approx(started, abs=1)


def test_a_start_that_was_witnessed_is_timed_by_our_clock(make: Any) -> None:
    prober, changed = make(Answering(lambda: 0))
    prober.update(())
    wrong_clock = (pod(started_at=time.time() - 3600, readinessProbe=command()),)
    prober.update(wrong_clock)
    assert changed.wait(60)
    assert prober.apply(wrong_clock)[0].ready_since == pytest.approx(time.time(), abs=300)


def test_stopped_containers_keep_what_the_listing_said(make: Any) -> None:
    prober, _ = make(Answering(lambda: 0))
    one = pod(readinessProbe=command())
    gone = replace(one, containers=(replace(one.containers[0], state="exited", exit_code=1),))
    prober.update((gone,))
    assert not prober.apply((gone,))[0].ready


def test_after_closing_nothing_is_tried() -> None:
    engine = Answering(lambda: 1)
    closed = Prober(lambda: engine, time.time, lambda: None)
    closed.update((pod(readinessProbe=command()),))
    until(lambda: engine.tries > 0)
    closed.close()
    tries = engine.tries
    time.sleep(2 * FIRST_WAIT_EXEC)
    assert engine.tries <= tries + 1, "one try may have been under way"
