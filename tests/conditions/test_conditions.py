"""Conditions: Argo Rollouts' own ones, expr's finer points, and what must never be possible."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.conditions import ConditionError, condition_error, described, holds, moment

ARGOS = [
    ("result[0] >= 0.95", [0.96], True),
    ("result[0] >= 0.95", [0.94], False),
    ("result[0] >= 0.95", [math.nan], False),
    ("result >= 0.95", 0.95, True),
    ("result == true", True, True),
    ("result == 'It worked!'", "It worked!", True),
    ('result == "I am OK"', "I am not", False),
    ("default(result, 0) < 0.05", None, True),
    ("default(result, 0) < 5", 7, False),
    ("result.ok && result.successPercent >= 0.90", {"ok": True, "successPercent": 0.91}, True),
    ("result.ok && result.successPercent >= 0.90", {"ok": False, "successPercent": 0.91}, False),
    ("result.major == '1'", {"major": "1"}, True),
    ("result.Status == -1", {"Status": -1}, True),
    ("max(result) < 0.05", [0.01, 0.06], False),
    ("len(result) > 0 && result[0] >= 0.95", [], False),
    ("len(result) == 0 || result[0] >= 0.95", [], True),
    ("isNaN(result) || result >= 0.95", math.nan, True),
    ("isInf(result)", -math.inf, True),
    (
        "len(result[0].Values) >= 2 and all(result[0].Values, {# <= 0.01})",
        [{"Values": [0.01, 0.002]}],
        True,
    ),
    (
        "all(result.service_apdex.values.values, {asFloat(.value) >= 9900})",
        {"service_apdex": {"values": {"values": [{"value": "9901"}, {"value": 9900}]}}},
        True,
    ),
    ("all(result, # < 1000)", [1, 1000], False),
]

FINER = [
    ("!result.ok || result.n == 1", {"ok": True, "n": 1}, True),
    ("not result == false", True, True),
    ("not (result in [1, 2])", 3, True),
    ("result not in [1, 2]", 2, False),
    ("'a' in result", {"a": 1}, True),
    ("len(result) > 0 ? result[0] > 1 : false", [], False),
    ("result?.a ?? 3 == 3", None, True),
    ("result.a?.b == nil", {}, True),
    ("result[-1] == 3", [1, 2, 3], True),
    ("result[0] * 100 > 5", [0.06], True),
    ("result / 0 > 1e300", 1, True),
    ("result % 2 == 1", 7, True),
    ("any(result, {.n == 'x' && any(.l, # == 2)})", [{"n": "x", "l": [1, 2]}], True),
    ("none(result, {# < 0}) && one(result, # == 2)", [1, 2], True),
    ("count(result, # > 1) == 2", [2, 3, 0], True),
    ("len(filter(result, {# > 1})) == 2", [2, 3, 0], True),
    ("sum(map(result, {.n})) == 3", [{"n": 1}, {"n": 2}], True),
    ("mean(result) == 2 && median(result) == 2", [1, 2, 3], True),
    ("result contains \"a'b\" and result startsWith 'x'", "xa'by", True),
    ('result endsWith "&& y"', "x && y", True),
    ("result == `a\\b`", "a\\b", True),
    ("result == 1", True, False),
    ('result == "1"', 1, False),
    ("result.keys == nil", {}, True),
    ("asInt(result) + 1 == 3", "2", True),
    ("first(result) == 1 && last(result) == 2", [1, 2], True),
    ("abs(result) == 2 && ceil(1.5) == 2 && floor(1.5) == 1 && round(1.4) == 1", -2, True),
    ("lower(result) == 'ok' && upper(result) == 'OK' && trim(' a ') == 'a'", "Ok", True),
    ("[1, 2] == result", [1, 2], True),
    ("0 < result < 5", 3, True),
    ("0 < result <= 5", 6, False),
    ("5 < result < result.nothing", 3, False),
    ("0 < result < 5 == true", 3, True),
    ("result == 1 == true", 1, True),
    ("result not contains 'err'", "ok", True),
    ("result not startsWith 'o' or result not endsWith 'k'", "ok", False),
    ("result contains 'a' + 'b' == true", "xab", True),
    ("(result.a ?? result.b.c) == 1", {"a": 1}, True),
    ("result?.a.b.c == nil", None, True),
    ("result.a?.b[0].c == nil", {}, True),
    ("result.a?.b == 1", {"a": {"b": 1}}, True),
    ("'a' in result.tags", {}, False),
    ("round(2.5) == 3 && round(-2.5) == -3 && round(result) == 0", 0.49999999999999994, True),
    ("round(result) < 5 || ceil(result) < 5 || floor(result) < 5", math.nan, False),
    ("ceil(result) > 5 && floor(-result) < 5", math.inf, True),
]

UNCLEAR = [
    ("result[0] >= 0.95", [], "there is no [0]: the list has 0"),
    ("result", 3, "a number, not to true or false"),
    ("result >= 0.95", "0.96", "text >= a number can't be compared"),
    ("result > 1", True, "true or false > a number"),
    ("result.a > 1", {}, "nothing > a number"),
    ("result.a > 1", 5, 'a number has no field "a"'),
    ("result && true", 1, "true or false is expected, not a number"),
    ("!result", 1, "true or false is expected"),
    ("asInt(result) == 1", "x", "isn't a whole number"),
    ("asFloat(result) == 1", "x", "isn't a number"),
    ("len(result) == 1", 5, "has no length"),
    ("isNaN(result)", [1], "a number is expected, not a list"),
    ("max(result) > 1", [], "no number to take"),
    ("all(result, # > 1)", 5, "a list is expected"),
    ("result % 0 == 1", 5, "division by 0"),
    ("1 in result", 5, "nothing can be in a number"),
    ("asInt(result) == 1", math.nan, "isn't finite"),
    ("result?.a.b == nil", {}, 'nothing has no field "b"'),
    ("result not contains 'a'", 5, "two texts are expected, not a number and text"),
]

WRONG = [
    ("result >", "missing or out of place"),
    ("results[0] > 1", 'there is no "results"'),
    ("result 5", '"5" at character 8'),
    ("'abc", "at character 1"),
    ("result == '\\x'", "wrong escape"),
    ("(result", 'it ends too early, ")" is expected'),
    ("result)", '")" at character 7'),
    ("", "it ends too early"),
    ("result ? 1", '":" is expected'),
    ("system('x')", 'there is no function "system"'),
    ("result.", "a field's name is expected"),
    ("map(result) == nil", "map needs a list and what to do"),
    ("filter() == nil", "filter needs a list"),
    ("# > 1", '"#" at character 1'),
    ("result matches 'x'", '"matches" isn\'t there: use contains'),
    ("result ** 9", '"**"'),
    ("result..5", '".."'),
    ("{'a': 1}", '"{"'),
    ("result @ 1", '"@"'),
    ("len() == 1 == true", "len has too few or too many arguments"),
    ("false && isNaN(result, 1)", "isNaN has too few or too many arguments"),
    ("default(result) == 1", "default has too few or too many arguments"),
    ("result not matches 'x'", '"matches" isn\'t there: use contains'),
    ("result not", "missing or out of place"),
    ("(" * 40 + "1" + ")" * 40, "more than 30 brackets"),
    ("result == " + "1" * 3000, "at most 2000"),
]

ESCAPES = [
    "result.__class__ == nil",
    "[x for x in result] == nil",
    "(lambda: true)()",
    "__import__('os') == nil",
    "result.__class__.__mro__[1] == nil",
    "isNil.__globals__ == nil",
    "'{0.__class__}'.format(result) == nil",
    "f'{result}' == nil",
    "(x := 1) == 1",
    "print(result) == nil",
    "listed(result) == nil",
    "isTrue(true)",
    "result if true else 1",
]


@pytest.mark.parametrize(("condition", "result", "true"), ARGOS + FINER)
def test_a_condition_holds_or_not(condition: str, result: Any, true: bool) -> None:
    assert holds(condition, result) is true
    assert condition_error(condition) == ""


@pytest.mark.parametrize(("condition", "result", "said"), UNCLEAR)
def test_what_cannot_be_worked_out_says_why(condition: str, result: Any, said: str) -> None:
    with pytest.raises(ConditionError) as caught:
        holds(condition, result)
    assert said in str(caught.value)


@pytest.mark.parametrize(("condition", "said"), WRONG)
def test_a_wrong_text_says_where(condition: str, said: str) -> None:
    with pytest.raises(ConditionError) as caught:
        holds(condition, 1)
    assert said in str(caught.value)


def test_a_wrong_text_is_known_without_a_value() -> None:
    assert "out of place" in condition_error("result[0] >=")
    assert "default has too few" in condition_error("default(result) > 1")
    assert condition_error("result > {{args.limit}}") == "", "arguments aren't known yet"


@pytest.mark.parametrize("condition", ESCAPES)
def test_nothing_of_python_can_be_reached(condition: str) -> None:
    """Either it can't be written, or it is a field that no JSON has."""
    try:
        assert holds(condition, {"a": 1}) is True
        assert condition == "result.__class__ == nil"
    except ConditionError:
        pass


def test_a_long_value_ends_it_soon() -> None:
    with pytest.raises(ConditionError, match=r"too many|steps"):
        holds("all(result, all(result, all(result, # >= 0)))", [0] * 500)
    with pytest.raises(ConditionError):
        holds("all(result, # >= 0 && # >= 0 && # >= 0)", list(range(1_000_000)))
    with pytest.raises(ConditionError, match="steps"):
        holds("sum(result) > 0 && " * 100 + "true", [1.0] * 100_000)
    with pytest.raises(ConditionError, match="steps"):
        holds("all(result, # in result)", list(range(10_000)))


def test_times_of_a_range() -> None:
    assert moment('now() - duration("5m")', 1000.0) == 700.0
    assert moment("now()", 5.0) == 5.0
    for wrong in (
        "yesterday()",
        "now() > 1",
        'duration("five")',
        "result",
        "9" * 400,
        'now() - duration("99999999999h")',
    ):
        with pytest.raises(ConditionError):
            moment(wrong, 0.0)


def test_a_value_is_described_and_not_shown() -> None:
    kinds = [None, True, 1.5, "s3cret", [1, 2], {"a": 1}]
    words = ["nothing", "true or false", "a number", "text", "a list of 2", "an object"]
    assert [described(v) for v in kinds] == words


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_PIECES = st.sampled_from(
    ["result", "[0]", ".a", "?.b", "==", ">", "&&", "!", "not", "in", "(", ")", "1", "'x'", "nil", "#", "??"]
)
_MORE = st.sampled_from(
    [
        "all(",
        "map(",
        "sum(",
        "len(",
        "default(",
        "{",
        "}",
        ",",
        "?",
        ":",
        "+",
        "-",
        "/",
        "%",
        "or",
        "contains",
    ]
)


@given(st.lists(_PIECES | _MORE, max_size=12), _JSON)
def test_any_text_is_true_false_or_an_error_in_words(pieces: list[str], result: Any) -> None:
    try:
        assert holds(" ".join(pieces), result) in (True, False)
    except ConditionError as error:
        assert str(error)
