"""One growing resourceVersion; a pass that changes nothing raises none."""

from __future__ import annotations

import copy
import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model.meta import Key
from reconciler.record.world import World


def pod(name: str, phase: str = "Running") -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "status": {"phase": phase}}


def test_nothing_new_raises_no_version() -> None:
    world = World()
    assert world.update([pod("a"), pod("b")]) == 2
    before = world.version
    assert world.update([pod("b"), pod("a")]) == 0
    assert world.version == before


def test_each_change_is_told_in_order() -> None:
    world = World(100)
    world.update([pod("a")])
    world.update([pod("a", "Failed"), pod("b")])
    world.update([pod("b")])
    told = world.since(100)
    assert told is not None
    assert [(c.version, c.type, c.key.name) for c in told] == [
        (101, "ADDED", "a"), (102, "MODIFIED", "a"), (103, "ADDED", "b"), (104, "DELETED", "a"),
    ]  # fmt: skip
    assert [c.object["metadata"]["resourceVersion"] for c in told] == ["101", "102", "103", "104"]
    assert world.get(Key("Pod", "default", "a")) is None


def test_what_was_handed_out_stays_as_it_was() -> None:
    world = World(100)
    world.update([pod("a")])
    first = world.get(Key("Pod", "default", "a"))
    kept = copy.deepcopy(first)
    world.update([pod("a", "Failed")])
    assert first == kept


def test_lists_are_sorted_and_of_one_version() -> None:
    world = World(100)
    world.update([pod("b"), pod("a"), {"kind": "Node", "metadata": {"name": "pi-1"}}])
    version, pods = world.list("Pod", "default")
    assert version == 103
    assert [p["metadata"]["name"] for p in pods] == ["a", "b"]
    assert world.list("Pod", "other")[1] == ()
    assert len(world.list("Node")[1]) == 1


def test_a_version_of_long_ago_or_of_another_life_is_told_apart() -> None:
    world = World(100, kept=3)
    for n in range(10):
        world.update([pod("a", f"{n}")])
    assert world.since(100) is None
    assert world.since(5000) is None
    assert len(world.since(107) or ()) == 3


def test_a_new_life_begins_above_the_last_one() -> None:
    first = World()
    first.update([pod("a")])
    assert World().version > first.version


def test_a_watcher_is_woken() -> None:
    world = World(100)
    got: list[Any] = []
    watcher = threading.Thread(target=lambda: got.append(world.since(100, timeout=60)))
    watcher.start()
    world.update([pod("a")])
    watcher.join(60)
    assert [c.key.name for c in got[0]] == ["a"]


states = st.dictionaries(st.sampled_from("abcde"), st.sampled_from(["Pending", "Running", "Failed"]))


@given(st.lists(states, max_size=8))
def test_replaying_the_changes_gives_the_list(passes: list[dict[str, str]]) -> None:
    world = World(100)
    for names in passes:
        world.update([pod(n, p) for n, p in names.items()])
    replayed: dict[Key, Any] = {}
    for change in world.since(100) or ():
        if change.type == "DELETED":
            del replayed[change.key]
        else:
            replayed[change.key] = change.object
    assert tuple(replayed[k] for k in sorted(replayed)) == world.list("Pod")[1]
