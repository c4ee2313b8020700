"""Properties: whatever stands where in a Rollout or a template, there is an object or there are findings."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.manifests.arguments import hidden, shown_again
from reconciler.manifests.entry import Entry
from reconciler.manifests.judge import judge
from reconciler.manifests.rules.across import across
from tests.manifests.test_rollout_fields import CLUSTER, FULL, JOB, PROMETHEUS, REF, RUN, WEB, blue, canary

Place = tuple[str | int, ...]
EVERY: list[dict[str, Any]] = [
    canary({"setWeight": 5}, {"pause": {}}, {"analysis": FULL}, analysis=FULL),
    blue(prePromotionAnalysis=FULL), REF, WEB, PROMETHEUS, JOB, RUN, CLUSTER,
]  # fmt: skip
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TEXTS = ["", "{{args.x}}", "{{ args. }}", "{{", "5", "-1", "(", "good"]
OTHERS = [0, -1, 7, 2**40, 1.5, True, {}, [], [{}], {"a": {}}, ["a"]]
pieces = st.sampled_from([*TEXTS, *OTHERS])


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    if path:
        yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, one in children:
        yield from places(one, (*path, key))


def exchanged(value: Any, path: Place, piece: Any) -> Any:
    out = copy.deepcopy(value)
    inner = out
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = piece
    return out


changes = st.sampled_from([(value, path) for value in EVERY for path in places(value)])


@quick
@given(st.lists(st.tuples(changes, pieces), min_size=1, max_size=3))
def test_a_piece_exchanged_gives_an_object_or_says_why_not(several: list[tuple[Any, Any]]) -> None:
    items = []
    for (value, path), piece in several:
        item, said = judge(exchanged(value, path, piece))
        assert item is not None or said
        assert all(one.message for one in said)
        items += [item] if item is not None else []
    for complete in (True, False):
        entries = [Entry(item, "a.yaml", number, ()) for number, item in enumerate(items)]
        assert all(said.message for _, said in across(entries, complete=complete))


@quick
@given(changes.filter(lambda change: change[1] != ("kind",)), pieces)
def test_what_is_hidden_comes_back(change: tuple[Any, Place], piece: Any) -> None:
    value = exchanged(*change, piece)
    plain, texts = hidden(value)
    assert shown_again(plain, texts) == value
