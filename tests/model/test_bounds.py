"""No number of a manifest, an inventory or a label is larger than what is done with it can bear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from reconciler.model.fleet import Fleet
from reconciler.model.kinds import KINDS
from reconciler.model.observed import PodRecord
from reconciler.model.quantity import MOST, Quantity, human_bytes, millicores, parse_quantity, whole

TEXT = {"Argument.value", "AnalysisRunArgument.value"}
"""Any scalar: it becomes text."""


def unbounded(kind: Any, at: str, seen: set[type]) -> Iterator[str]:
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        if (kind.le is None and kind.lt is None) or (kind.ge is None and kind.gt is None):
            yield at
    elif isinstance(kind, inspect.StructType):
        if kind.cls not in seen:
            seen.add(kind.cls)
            for field in kind.fields:
                yield from unbounded(field.type, f"{kind.cls.__name__}.{field.encode_name}", seen)
    else:
        for name in ("types", "item_types"):
            for one in getattr(kind, name, None) or ():
                yield from unbounded(one, at, seen)
        for name in ("item_type", "key_type", "value_type"):
            if (inner := getattr(kind, name, None)) is not None:
                yield from unbounded(inner, at, seen)


@pytest.mark.parametrize("root", [*KINDS.values(), Fleet, PodRecord])
def test_every_number_has_a_least_and_a_most(root: Any) -> None:
    assert set(unbounded(inspect.type_info(root), root.__name__, set())) - TEXT == set()


@pytest.mark.parametrize("text", ["9" * 330, "99E", "9e99", "9" * 330 + "Ei", "1e99", str(MOST), "8Ei"])
def test_a_quantity_is_at_most_what_kubernetes_takes_it_for(text: str) -> None:
    """resource.Quantity: 2^63-1, however it is written."""
    assert parse_quantity(text) == whole(text) == millicores(text) == MOST
    assert human_bytes(whole(text)) == "8.59e+09Gi"


@pytest.mark.parametrize("text", ["1e999", "1e999999999", "9" * 400 + "x", "٣", "1_0"])
def test_what_is_none_is_said_in_few_words(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity") as said:
        parse_quantity(text)
    assert len(str(said.value)) < 100


@pytest.mark.parametrize("value", ["9" * 1025, MOST + 1, 1e300, float("inf"), float("nan"), -1, -0.5])
def test_what_no_machine_could_have_doesn_t_come_in(value: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, Quantity)


def test_a_sum_of_any_size_can_be_said() -> None:
    assert human_bytes(10**400) == human_bytes(MOST)
