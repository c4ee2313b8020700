"""What a probe's tries add up to: Kubernetes' numbers, at our pace."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.probes.threshold import FIRST_WAIT, FIRST_WAIT_EXEC, Kind, ProbeState, begin, judge
from reconciler.model.probe import ExecAction, Probe, TCPSocketAction

KINDS: tuple[Kind, ...] = ("startup", "liveness", "readiness")


def probe(**numbers: Any) -> Probe:
    return Probe(tcp_socket=TCPSocketAction(port=1), **numbers)


def run(kind: Kind, wanted: Probe, answers: str, start: float = 0.0) -> tuple[ProbeState, float]:
    """Try whenever a try is due; `answers` are + (success), - (failure), ? (unknown), the last one
    repeated not.
    """
    state, now = begin(kind, wanted, start), start
    for answer in answers:
        now = max(now, state.due)
        state = judge(kind, wanted, state, {"+": "", "-": "no", "?": None}[answer], now)
    return state, now


def test_before_any_try_liveness_passes_and_the_others_do_not() -> None:
    assert [begin(kind, probe(), 0).passing for kind in KINDS] == [False, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_one_success_is_enough(kind: Kind) -> None:
    state, now = run(kind, probe(), "+")
    assert state.passing
    assert state.due == now + 10


def test_success_threshold_wants_them_in_a_row() -> None:
    wanted = probe(success_threshold=3)
    assert not run("readiness", wanted, "++")[0].passing
    assert not run("readiness", wanted, "++-++")[0].passing
    assert run("readiness", wanted, "++-+++")[0].passing


def test_failure_threshold_wants_them_in_a_row() -> None:
    assert run("readiness", probe(), "+--+--")[0].passing
    assert not run("readiness", probe(), "+---")[0].passing


def test_a_readiness_probe_goes_on_after_failing_and_liveness_does_not() -> None:
    assert not run("readiness", probe(), "+---")[0].over
    assert run("readiness", probe(), "+---+")[0].passing
    assert run("liveness", probe(), "+---")[0].over
    assert not run("liveness", probe(), "+---")[0].passing


def test_failures_after_the_first_success_come_once_a_period() -> None:
    state, now = run("liveness", probe(period_seconds=5), "+---")
    assert now == pytest.approx(15)
    assert state.over


def test_the_first_tries_are_eager_and_slow_down_to_the_period() -> None:
    wanted, state, now = probe(period_seconds=2), begin("readiness", probe(), 0), 0.0
    waits = []
    for _ in range(30):
        now = state.due
        state = judge("readiness", wanted, state, "no", now)
        waits.append(state.due - now)
    assert waits[0] == pytest.approx(FIRST_WAIT)
    assert [round(w, 6) for w in waits] == sorted(round(w, 6) for w in waits)
    assert waits[-1] == pytest.approx(2)


def test_a_command_is_tried_less_eagerly() -> None:
    assert begin("readiness", Probe(exec=ExecAction(command=("true",))), 0).wait == FIRST_WAIT_EXEC


@given(
    st.sampled_from(["startup", "liveness"]),
    st.integers(1, 10),
    st.integers(1, 30),
    st.integers(0, 60),
)
def test_eagerness_never_ends_a_container_sooner_than_kubernetes_would(
    kind: Kind, threshold: int, period: int, delay: int
) -> None:
    wanted = probe(failure_threshold=threshold, period_seconds=period, initial_delay_seconds=delay)
    state, now = begin(kind, wanted, float(delay)), float(delay)
    while not state.over:
        now = max(now, state.due)
        state = judge(kind, wanted, state, "no", now)
    earliest = delay + (threshold - 1) * period
    assert earliest <= now <= earliest + 2 * period


@given(st.sampled_from(KINDS), st.lists(st.sampled_from(["", "no", None]), max_size=40))
def test_time_moves_on_and_a_try_is_always_due_again(kind: Kind, answers: list[str | None]) -> None:
    state, now = begin(kind, probe(), 0.0), 0.0
    for answer in answers:
        now = state.due
        state = judge(kind, probe(), state, answer, now)
        assert now < state.due <= now + 10


def test_an_unknown_result_changes_nothing_but_the_time() -> None:
    before, now = run("readiness", probe(), "+--")
    after = judge("readiness", probe(), before, None, now + 1)
    assert after.passing
    assert after.failures == before.failures


def test_the_first_failure_is_not_news() -> None:
    assert run("readiness", probe(), "-")[0].message == ""
    wanted = probe(failure_threshold=1)
    assert run("liveness", wanted, "-")[0].message == "no"
