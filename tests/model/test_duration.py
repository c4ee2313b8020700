"""Durations as Go writes them, and how far they reach."""

from __future__ import annotations

import pytest

from reconciler.model.duration import seconds


@pytest.mark.parametrize(
    ("text", "length"),
    [("30s", 30.0), ("1h30m", 5400.0), ("250ms", 0.25), ("1.5h", 5400.0), ("2562047h", 9223369200.0)],
)
def test_what_a_duration_comes_to(text: str, length: float) -> None:
    assert seconds(text) == length


@pytest.mark.parametrize("text", ["", "soon", "5", "5 m", "-5m", "1d", "2562048h", "9" * 400 + "h"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(text)
