"""No pod ends behind the back of a proxy: whom a stop waits for, and for how long."""

from __future__ import annotations

import msgspec

from reconciler.apply.inflight import overlay
from reconciler.decide import decide
from reconciler.decide.network.gate import UNTOLD_S
from reconciler.errors import EngineError
from reconciler.model.action import Publish, StopPod
from tests.decide.builders import deployment, desired, fleet, service
from tests.decide.network.test_steps import NEW, OF, OLD, roll, stops
from tests.decide.network.worlds import networked, running, told


def test_a_silent_nodes_proxy_holds_a_stop_up_until_it_is_lost() -> None:
    """It may be we who were cut off: its clients still come by it."""
    world = running(deployment(replicas=1), of=networked(), services=(service(),))
    world.fleet.lose("pi-3", world.now)
    lost_at = world.now + 40
    roll(world)
    plan = world.decide()
    assert stops(world) == []
    (wait,) = (w for w in plan.waits if w.subject.startswith("stop "))
    assert wait.because == "pi-3 doesn't answer, and its proxy may still send it requests"
    assert (wait.until, plan.standing) == (lost_at, "progressing")
    world.turn()  # the others are told meanwhile
    world.now = lost_at
    assert [s.after for s in stops(world)] == [()]
    world.fleet.heal("pi-3")
    assert [s.after for s in stops(world)] == [(1,)], "back again, it is told first"


def test_what_comes_after_a_stop_that_waits_waits_too() -> None:
    world = running(
        deployment(replicas=1, strategy={"type": "Recreate"}), of=networked(), services=(service(),)
    )
    pods = {p.node for p in world.observe().pods()}
    world.fleet.lose(next(n for n in ("pi-1", "pi-2", "pi-3") if n not in pods), world.now)
    changed = deployment(image="web:v2", replicas=1, strategy={"type": "Recreate"})
    world.commit(desired(changed, of=world.desired.fleet, services=(service(),)))
    plan = world.decide()
    assert {type(s.action) for s in plan.steps} == {Publish}
    assert [s.number for s in plan.steps] == [1, 2]


def test_a_node_without_a_proxy_holds_nothing_up() -> None:
    world = running(deployment(replicas=1), of=networked(), services=(service(),))
    roll(world)
    world.fleet.set_data_plane("pi-3", "stopped")
    assert [s.after for s in stops(world)] == [(2, 3)]


def test_a_proxy_of_which_nobody_knows_what_it_does_is_told_first() -> None:
    """A new reconciler that couldn't read it, or not understand it."""
    world = running(deployment(replicas=1), of=networked(), services=(service(),))
    roll(world)
    world.fleet.machines["pi-3"].told(None)
    world.fleet.machines["pi-3"].stale = True
    assert [s.after for s in stops(world)] == [(1, 2, 3)]
    assert "publish pi-3: it is told everything" in str(world.decide())


def test_a_proxy_that_cannot_be_told_is_waited_for_so_long_and_no_longer() -> None:
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    roll(world)
    began = world.now
    for later in (0.0, 20.0, UNTOLD_S - 1):
        world.now = began + later
        world.fleet.fail_next(EngineError("no", node="pi-1"), lambda a: isinstance(a, Publish))
        world.turn()
        assert [s.after for s in stops(world)] == [(1,)], "pi-2 knows it; pi-1 may send it requests"
    world.now = began + UNTOLD_S
    plan = world.decide()
    assert [s.after for s in plan.steps if isinstance(s.action, StopPod)] == [()]
    said = f"pi-1: its proxy can't be told anything, and may still send requests to {OLD}-0"
    assert any(note.startswith(said) for note in plan.notes)


def test_a_proxy_that_was_steered_and_could_not_keep_it_holds_nothing_up() -> None:
    """Its disk is full: it sends nothing more to the pod, which is all that the stop waits for."""
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    roll(world)
    steered = next(s.action for s in world.decide().steps if isinstance(s.action, Publish))
    machine = world.fleet.machines["pi-1"]
    machine.uncertain, machine.data_plane, machine.stale = (steered.traffic,), "stale", True
    assert [s.after for s in stops(world)] == [(2,)]


def test_a_node_that_is_being_told_for_the_first_time_holds_a_stop_up() -> None:
    """What it is told was right when it was begun, and comes into force at any moment."""
    world = running(deployment(replicas=1), of=networked(), services=(service(),))
    first = Publish(node="pi-3", because="it joins", owner=None, traffic=told(world, "pi-3"))
    roll(world)
    world.fleet.machines["pi-3"].traffic, world.fleet.machines["pi-3"].stale = None, True
    plan = decide(world.desired, overlay(world.observe(), [first]), world.progress, world.clock)
    (stop,) = (s for s in plan.steps if isinstance(s.action, StopPod))
    assert stop.after == tuple(s.number for s in plan.steps if isinstance(s.action, Publish)) == (1, 2, 3)


def test_a_publish_that_failed_is_tried_again_and_the_stop_is_not_lost() -> None:
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    roll(world)
    world.fleet.fail_next(EngineError("no", node="pi-1"), lambda a: isinstance(a, Publish))
    world.turn()
    assert [s.after for s in stops(world)] == [(1,)], "pi-2 knows it; pi-1 may send it requests"
    assert world.run().standing == "converged"
    assert told(world).services is told(world, "pi-2").services


def test_a_pod_that_is_just_being_taken_in_somewhere_is_waited_for_too() -> None:
    """What is on its way to a node may come after the stop has begun."""
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    roll(world)
    plan = world.decide()
    first, second = (s.action for s in plan.steps[:2])
    world.fleet.perform(first, world.now)  # pi-1 knows the new pod, pi-2 is being told
    seen = overlay(world.observe(), [second])
    world.observe = lambda: seen  # type: ignore[method-assign]
    world.commit(desired(deployment(replicas=0), of=OF, services=(service(),)))
    assert {s.action.subject.partition("@")[0]: s.after for s in stops(world)} == {
        f"{NEW}-0": (1, 2),  # pi-2 may have it by now
        f"{OLD}-0": (2,),  # pi-1 has it no more
    }


def test_what_is_told_at_this_moment_is_waited_for_even_when_all_is_as_it_should_be() -> None:
    """A pod is taken in again, and then it isn't wanted any more: what is under way comes last otherwise."""
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    back = told(world)
    roll(world)
    world.turn()  # the old one has gone
    world.run()
    pod = next(iter(world.observe().pods()))
    late = msgspec.structs.replace(back, services=told(world).services)
    node = world.fleet.machines["pi-1"]
    empty = msgspec.structs.replace(late.services[0], ports=())
    node.traffic = msgspec.structs.replace(late, services=(empty,))
    node.stale = True
    world.commit(
        desired(
            of=fleet("pi-1", "pi-2", network={"enabled": True}, prune={"allowEmpty": True}),
            services=(service(),),
        )
    )
    publish = Publish(node="pi-1", because="web: +it", owner=None, traffic=late)
    seen = overlay(world.observe(), [publish])
    world.observe = lambda: seen  # type: ignore[method-assign]
    assert [s.after for s in stops(world)] == [(1, 2)], pod
