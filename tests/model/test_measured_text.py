"""What was measured, as people read it."""

from __future__ import annotations

import pytest

from reconciler.model.measured_text import LONGEST, counted_text, measured_text

COUNTED = (
    '{"canary": {"requests": 22, "errors": 2, "errorRate": 0.09, "requestRate": 4.3771, "latency": 2.0},'
    ' "stable": {"requests": 418, "errors": 0, "errorRate": 0.0, "latency": 1.2488038277}}'
)
NOBODY = (
    '{"canary": {"requests": 0, "errors": 0, "latency": null},'
    ' "stable": {"requests": 7, "errors": 7, "latency": 3}}'
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.07", "0.07"),
        ("0.123456789", "0.1235"),
        ("[0.95000001, NaN]", "[0.95, NaN]"),
        ('{"ok": true}', '{"ok": true}'),
        ('"grün"', '"grün"'),
        ("", ""),
        (COUNTED, "2/22 errors, 2 ms; stable 0/418 errors, 1.25 ms"),
        (NOBODY, "0/0 errors; stable 7/7 errors, 3 ms"),
        ('{"canary": 1, "stable": 2}', '{"canary": 1, "stable": 2}'),
    ],
)
def test_a_value(value: str, text: str) -> None:
    assert measured_text(value) == text
    assert counted_text(value) == (text if value in (COUNTED, NOBODY) else "")


def test_a_long_one_is_cut_and_one_that_was_cut_before_is_shown() -> None:
    assert len(measured_text('"' + "x" * 500 + '"')) == LONGEST
    assert measured_text('{"a": "xx')[:4] == '{"a"'
