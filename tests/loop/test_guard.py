"""What nobody expected is logged once, said, and ends nothing."""

from __future__ import annotations

import logging

import pytest

from reconciler.errors import UsageError
from reconciler.loop.guard import MOST, Guard
from reconciler.model.plan import Bug


def raising(error: Exception) -> None:
    raise error


def test_a_bug_is_logged_with_its_trace_once_and_said_each_time(caplog: pytest.LogCaptureFixture) -> None:
    guard = Guard()
    for _ in range(3):
        assert guard("the plan", lambda: raising(KeyError("stopped")), None) is None
        assert guard.said() == (
            "the plan: internal error: KeyError: 'stopped'; this is a bug, please report it",
        )
    assert guard.said() == ()
    (record,) = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "reconciler.loop")
    assert record.exc_info is not None
    guard("another object", lambda: raising(KeyError("stopped")), None)
    assert len(caplog.records) == 2


def test_what_is_expected_and_a_reader_who_has_gone_pass() -> None:
    guard = Guard()
    for error in (UsageError("so"), BrokenPipeError()):
        with pytest.raises(type(error)):
            guard("x", lambda error=error: raising(error), None)  # type: ignore[misc]  # bound at once
    assert guard("x", lambda: 1, 2) == 1


def test_what_is_remembered_is_bounded() -> None:
    guard = Guard()
    logging.getLogger("reconciler.loop").disabled = True
    try:
        guard.log(Bug(f"object {number}", KeyError()) for number in range(3 * MOST))
    finally:
        logging.getLogger("reconciler.loop").disabled = False
    assert len(guard._logged) <= MOST
