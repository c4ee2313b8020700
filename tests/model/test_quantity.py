"""Quantities are read exactly, as Kubernetes reads them."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.names import QUANTITY
from reconciler.model.quantity import human_bytes, human_cpu, millicores, parse_quantity, whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"), ("1.5", "1.5"), (2, "2"), (0.5, "0.5"), ("128Mi", 128 * 2**20), ("2G", 2 * 10**9),
        ("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("1Ei", 2**60), ("100u", "0.0001"), (".5", "0.5"),
        ("1.", 1), ("1k", 1000), ("5n", "0.000000005"),
    ],
)  # fmt: skip
def test_the_exact_value(text: str | float, value: str | int) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1K", "1mi", "12Zi", "1 Gi", "Mi", "--1", "1e", "1.2.3", "0x10"])
def test_what_is_no_quantity_is_refused_by_reader_and_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)
    assert re.search(QUANTITY, text) is None


def test_rounding_is_up_and_at_the_end() -> None:
    assert millicores("1.0001") == 1001
    assert millicores("100u") == 1
    assert whole("0.1Ki") == 103
    assert whole("500m") == 1


@given(st.from_regex(QUANTITY, fullmatch=True))
def test_what_the_pattern_allows_is_read(text: str) -> None:
    assert parse_quantity(text) >= 0


@pytest.mark.parametrize(
    ("count", "text"), [(512 * 2**20, "512Mi"), (3 * 2**29, "1.5Gi"), (100, "100"), (2048, "2Ki")]
)
def test_bytes_for_people(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(("milli", "text"), [(1500, "1500m"), (2000, "2"), (0, "0")])
def test_cpus_for_people(milli: int, text: str) -> None:
    assert human_cpu(milli) == text
