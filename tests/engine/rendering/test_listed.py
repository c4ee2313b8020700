"""Lists in HAProxy's conditions: nothing in them can be more than a value."""

from __future__ import annotations

from reconciler.engine.rendering.listed import MOST, one_of


def test_a_long_list_has_several_lines() -> None:
    values = [f"192.0.2.{number}" for number in range(MOST + 1)]
    assert [len(line.split()) for line in one_of("from_a", "src", values)] == [3 + MOST, 4]


def test_what_is_no_value_is_left_out_and_without_one_nobody_is_meant() -> None:
    values = ["192.0.2.0/24", "fe80::1%a\n  http-request deny/128", "2001:db8::/32", "x y", ""]
    assert list(one_of("from_a", "src", values)) == ["acl from_a src 192.0.2.0/24 2001:db8::/32"]
    assert list(one_of("from_a", "src", values[1:2])) == ["acl from_a always_false"]
