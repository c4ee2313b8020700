"""Plain scalars mean what kubectl takes them for."""

# ruff: noqa: E501 - a table reads best with one case a line
from __future__ import annotations

import pytest

from reconciler.manifests.scalars import plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("yes", True), ("Off", False),
        ("y", True), ("N", False), ("8080", 8080), ("-7", -7), ("+7", 7), ("0", 0), ("0644", 420),
        ("0o644", 420), ("0x1F", 31), ("0b101", 5), ("1_000", 1000), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5),
        ("1.", 1.0), ("08", 8.0), ("22:00", "22:00"), ("2026-01-31", "2026-01-31"), ("1.2.3", "1.2.3"),
        ("10.0.0.1", "10.0.0.1"), ("-", "-"), ("...", "..."), ("1e999", "1e999"), ("0x", "0x"),
        ("9" * 500, "9" * 500), ("500m", "500m"),
    ],
)  # fmt: skip
def test_a_plain_scalar_is_what_kubectl_reads(text: str, value: object) -> None:
    found = plain(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.Inf", ".nan", ".NaN"])
def test_what_json_has_no_number_for_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        plain(text)
