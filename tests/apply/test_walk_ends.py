"""An action that has ended, or couldn't begin, is never under way for ever."""

from __future__ import annotations

import threading

import pytest

from reconciler.apply.walk import Outcome, Walker
from tests.apply.test_walk import Bench, bench, start, step, stop

__all__ = ["bench"]


def test_an_action_ends_whatever_goes_wrong_in_telling_of_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    def tell(_: Outcome) -> None:
        raise KeyError("pod")

    walker = Walker(bench.nodes, tell, bench.wake)  # type: ignore[arg-type]  # it is all that it uses of a node
    walker.submit([step(1, stop("old")), step(2, start("new"), 1)], lambda _: {})
    bench.until(lambda: not walker.under_way())
    assert walker.stop(60)
    assert bench.nodes["a"].log == ["stop old"], "nobody knows how it ended, so nothing comes after it"
    assert "KeyError: 'pod'" in caplog.text


def test_where_no_thread_is_to_be_had_an_action_has_failed_and_isnt_done_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as without:
        without.setattr(threading.Thread, "start", refuse)
        bench.submit(step(1, start("web")), step(2, start("next"), 1))
    assert bench.walker.under_way() == ()
    assert "this machine has no thread for it (can't start new thread)" in str(bench.outcomes[0].error)
    bench.submit(step(1, start("other")))
    bench.until(lambda: not bench.walker.under_way())
    assert bench.nodes["a"].log == ["start other"]
