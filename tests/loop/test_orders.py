"""Orders in the loop: kept before anything is done, answered when the pass is over, never left hanging."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from pathlib import Path

import msgspec
import pytest

from reconciler.errors import UsageError
from reconciler.loop.cycle import Loop
from reconciler.loop.orders import Fold, Orders
from reconciler.loop.turn import Turn
from reconciler.loop.wanted import Wanted
from reconciler.model.delivery import Order
from reconciler.model.desired import Desired
from reconciler.model.meta import Key
from reconciler.model.progress import Progress
from tests.loop.test_cycle import FLEET, World
from tests.loop.test_wanted import deployment
from tests.record.delivered import desired

WEB = Key("Deployment", "default", "web")


def order(verb: str = "pause") -> Order:
    return msgspec.convert({"about": WEB, "verb": verb, "who": "ada@desk", "at": 5.0}, Order)


def fold(progress: Progress, given: Order, wanted: Desired) -> tuple[Progress, str]:
    """A stand-in that leaves a mark in progress, and knows no way to resume."""
    if given.verb == "resume":
        raise UsageError("it isn't paused", where=str(given.about))
    if given.verb == "undo":
        raise ZeroDivisionError("a bug")
    rollouts = progress.rollouts
    marked = {
        k: msgspec.structs.replace(r, message=f"{given.verb} by {given.who}") for k, r in rollouts.items()
    }
    return msgspec.structs.replace(progress, rollouts=marked), f"{given.verb}: {wanted.revision.short}"


def loop_of(world: World, rule: Fold = fold) -> Loop:
    nodes = {n.name: world.time.node(n.name) for n in FLEET.spec.nodes}
    loop = Loop(Wanted(FLEET, world.source), nodes, world.memory, [world.turns.append], fold=rule)
    loop.watch_nodes()
    loop.watch_source()
    return loop


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.source.push("one", deployment("web:v1"))
    made.converge()
    return made


def test_an_order_is_kept_and_answered_when_its_pass_is_over(world: World) -> None:
    loop = loop_of(world)
    while not any(t.plan for t in (loop.turn(),)):
        pass
    future = loop.order(order())
    seen: list[tuple[bool, str]] = []

    def look(turn: Turn) -> None:
        kept = world.memory.kept.rollouts[WEB].message
        seen.append((future.done(), kept))

    loop.listen(look)
    turn = loop.turn()
    assert seen == [(False, "pause by ada@desk")]
    assert future.result(0) == f"pause: {turn.desired.revision.short}" if turn.desired else False
    assert [(o.order.verb, o.words) for o in turn.orders] == [("pause", future.result(0))]
    assert turn.before.rollouts[WEB].message == ""
    assert loop.turn().orders == ()
    assert loop.close(30)


def test_an_order_wakes_a_loop_that_sleeps(world: World) -> None:
    loop = loop_of(world)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    assert loop.order(order()).result(60).startswith("pause: ")
    assert loop.order(order("abort")).result(60).startswith("abort: ")
    loop.stop()
    thread.join(30)
    assert loop.close(30)


def test_one_that_makes_no_sense_changes_nothing_and_holds_up_no_other(world: World) -> None:
    loop = loop_of(world)
    futures = [loop.order(order(verb)) for verb in ("resume", "undo", "abort")]
    while not futures[2].done():
        turn = loop.turn()
    assert [o.order.verb for o in turn.orders] == ["abort"]
    with pytest.raises(UsageError, match="it isn't paused"):
        futures[0].result(0)
    with pytest.raises(ZeroDivisionError):
        futures[1].result(0)
    assert loop.close(30)


def test_orders_wait_while_nodes_are_asked_and_are_refused_without_a_revision(tmp_path: Path) -> None:
    world = World(tmp_path)
    loop = loop_of(world)
    future = loop.order(order())
    while not future.done():
        loop.turn()
    with pytest.raises(UsageError, match="no good revision is known"):
        future.result(0)
    assert loop.close(30)


def test_a_loop_that_is_stopped_answers_what_waits_and_what_comes(world: World) -> None:
    loop = loop_of(world)
    waiting = loop.order(order())
    assert loop.close(30)
    for future in (waiting, loop.order(order())):
        with pytest.raises(UsageError, match="the reconciler is stopping"):
            future.result(0)


def test_what_nobody_waits_for_any_more_is_not_carried_out() -> None:
    orders = Orders(fold)
    gone, kept = orders.put(order()), orders.put(order("abort"))
    assert gone.cancel()
    _, done = orders.take(Progress(), desired())
    orders.answer()
    assert [o.order.verb for o in done] == ["abort"]
    assert kept.result(0).startswith("abort")
    with pytest.raises(CancelledError):
        gone.result(0)


def test_a_pass_that_breaks_leaves_nobody_waiting() -> None:
    orders = Orders(fold)
    future = orders.put(order())
    orders.take(Progress(), desired())
    orders.close()
    with pytest.raises(UsageError, match="stopping"):
        future.result(0)
