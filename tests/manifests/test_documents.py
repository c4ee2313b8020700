"""YAML becomes plain values, with places, and hostile YAML a clear error in bounded time."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from reconciler.manifests.documents import DocumentError, Reader
from reconciler.manifests.limits import MAX_DEPTH
from reconciler.manifests.locate import place, positions_of


def read(text: str | bytes) -> list[object]:
    return list(Reader(text).documents())


def refused(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return caught.value


def test_documents_come_in_order_and_empty_ones_are_none() -> None:
    assert read("a: 1\n---\n---\nb: [x, {c: d}]\n") == [{"a": 1}, None, {"b": ["x", {"c": "d"}]}]
    assert read("") == []


def test_json_is_yaml() -> None:
    assert read('{"a": [1, true, null, "x"]}') == [{"a": [1, True, None, "x"]}]


def test_quoted_scalars_and_blocks_are_strings() -> None:
    assert read("a: '1'\nb: \"true\"\nc: |\n  8080\nd: !!str 8080\n") == [
        {"a": "1", "b": "true", "c": "8080\n", "d": "8080"}
    ]


def test_a_null_is_the_same_as_leaving_the_key_out() -> None:
    assert read("a:\nb: 1\nc: {d: ~}\n") == [{"b": 1, "c": {}}]


def test_a_null_in_a_map_of_strings_is_an_empty_string() -> None:
    assert read("data: {A: , B: x}\nlabels: {app: null}\n") == [
        {"data": {"A": "", "B": "x"}, "labels": {"app": ""}}
    ]


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {x: 1, w: 2}\none: {<<: *b, w: 3}\ntwo: {<<: [*b, {z: 4, x: 9}]}\nthree: *b\n"
    assert read(text) == [
        {
            "base": {"x": 1, "w": 2},
            "one": {"x": 1, "w": 3},
            "two": {"x": 1, "w": 2, "z": 4},
            "three": {"x": 1, "w": 2},
        }
    ]


def test_a_null_takes_away_what_a_merge_brought() -> None:
    assert read("a: &a {x: 1}\nb: {<<: *a, x: ~}\n")[0]["b"] == {}  # type: ignore[index]  # it is a dict


def test_keys_are_their_text() -> None:
    assert read("'on': 1\n8080: 2\n1.5: 3\ntrue: 4\n") == [{"on": 1, "8080": 2, "1.5": 3, "true": 4}]


@pytest.mark.parametrize(
    ("key", "other"), [("on", "true"), ("y", "true"), ("No", "false"), ("0644", "420"), ("1.10", "1.1")]
)
def test_a_key_that_kubectl_would_rename_is_refused(key: str, other: str) -> None:
    with pytest.raises(DocumentError, match=f'"{key}" without quotes as "{other}"') as caught:
        read(f"data:\n  {key}: a\n")
    assert (caught.value.line, caught.value.remedy) == (2, f'quote it: "{key}":')


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, 'the key "a" stands here twice'),
        ("a: {b: 1, b: 2}\n", 1, 'the key "b" stands here twice'),
        ("a: *nope\n", 1, "the alias *nope has no anchor before it"),
        ("a: !ruby/object x\n", 1, "the tag !ruby/object has no meaning here"),
        ("a: !!python/object:os.system {}\n", 1, "the tag tag:yaml.org,2002:python/object:os.system has"),
        ("? [a, b]\n: c\n", 1, "a key must be a string"),
        ("a: &x [*x]\n", 1, "the alias *x has no anchor before it"),
        ("a: .inf\n", 1, ".inf is no number"),
        ("<<: 5\n", 1, "<< merges mappings only"),
        ("a: b: c\n", 1, "a second ': ' on one line"),
        ("a:\n\tb: 1\n", 2, "a tab or a character that YAML reserves"),
        ("a: @b\n", 1, "a tab or a character that YAML reserves"),
        ("a: [1, 2\n", 2, "not YAML"),
        ("a: 'b\n", 2, "not YAML"),
        ("a: \x01\n", 0, "unreadable character"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, message: str) -> None:
    error = refused(text)
    assert message in error.message
    assert error.line == line


def test_depth_is_limited() -> None:
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for hostile in (
        "[" * 200_000,
        "{a: " * 200_000,
        "- " * 200_000,
        "\n".join(" " * i + "a:" for i in range(999)),
    ):
        began = time.perf_counter()
        assert "levels deep" in refused(hostile).message
        assert time.perf_counter() - began < 10


def test_an_alias_bomb_is_refused_without_being_expanded() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    tracemalloc.start()
    error = refused("\n".join(lines))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "holds more than" in error.message
    assert peak < 5_000_000


def test_a_merge_bomb_is_refused() -> None:
    keys = ", ".join(f"k{i}: {i}" for i in range(1000))
    merges = "\n".join(f"m{i}: {{<<: *b}}" for i in range(1000))
    assert "holds more than" in refused(f"b: &b {{{keys}}}\n{merges}\n").message


def test_every_value_has_its_place() -> None:
    text = b"a: 1\nb:\n  - x\n  - c: 2\n    d: {e: 3}\n---\nz: 1\n"
    first, second = positions_of(text)
    assert place(first, ("a",)) == (1, 1)
    assert place(first, ("b", 0)) == (3, 5)
    assert place(first, ("b", 1, "d", "e")) == (5, 9)
    assert place(first, ("b", 1, "d", "missing")) == (5, 5)
    assert place(second, ("z",)) == (7, 1)
