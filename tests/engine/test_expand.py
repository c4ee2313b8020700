"""$(VAR): the cases of Kubernetes' own table (third_party/forked/golang/expansion), in our words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.pods.expand import MOST, expand, expand_all
from reconciler.engine.pods.unfit import Unfit

VARIABLES = {"A": "1", "B_C": "two", "EMPTY": "", "REF": "$(A)", "DOLLAR": "$"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$(A)", "1"),
        ("$(A)$(B_C)", "1two"),
        ("a $(A) b", "a 1 b"),
        ("$(EMPTY)", ""),
        ("$(REF)", "$(A)"),
        ("$(NOPE)", "$(NOPE)"),
        ("$()", "$()"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$$", "$"),
        ("$", "$"),
        ("a$", "a$"),
        ("$A", "$A"),
        ("$(A", "$(A"),
        ("$(A$(B_C)", "$(A$(B_C)"),
        ("$(A)$", "1$"),
        ("${A}", "${A}"),
        ("$(A))", "1)"),
        ("$($(A))", "$($(A))"),
        ("$(DOLLAR)(A)", "$(A)"),
    ],
)
def test_a_reference_is_replaced_when_it_is_known(text: str, expected: str) -> None:
    assert expand(text, VARIABLES) == expected


@given(st.text())
def test_text_without_a_dollar_stays_as_it_is(text: str) -> None:
    plain = text.replace("$", "")
    assert expand(plain, VARIABLES) == plain


@given(st.text(alphabet="$()AB x", max_size=30))
def test_it_agrees_with_a_plain_reading_of_the_rule(text: str) -> None:
    assert expand(text, {"A": "1"}) == _by_hand(text)


def _by_hand(text: str) -> str:
    out, at = "", 0
    while at < len(text):
        if text[at] == "$" and at + 1 < len(text):
            following = text[at + 1]
            if following == "$":
                out, at = out + "$", at + 2
                continue
            if following == "(" and (end := text.find(")", at)) > 0:
                name = text[at + 2 : end]
                out, at = out + {"A": "1"}.get(name, f"$({name})"), end + 1
                continue
        out, at = out + text[at], at + 1
    return out


def test_words_are_expanded_one_by_one() -> None:
    assert expand_all(["a", "$(A)"], VARIABLES) == ["a", "1"]


def test_what_grows_beyond_what_a_kernel_takes_is_refused_before_it_is_made() -> None:
    """Ten references to what has ten references, twelve deep: a terabyte out of a kilobyte of YAML."""
    variables = {"A0": "x" * 10}
    with pytest.raises(Unfit, match="more than 6 MiB"):
        for number in range(1, 12):
            variables[f"A{number}"] = expand(f"$(A{number - 1})" * 10, variables)
    assert sum(map(len, variables.values())) < MOST
    with pytest.raises(Unfit, match="more than 6 MiB"):
        expand_all(["$(A5)"] * 10_000, variables)
