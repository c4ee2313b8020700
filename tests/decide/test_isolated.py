"""A bug in planning one object costs that object its plan, and nobody else anything."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

import reconciler.decide as room
from reconciler.decide import decide
from reconciler.decide.draft import Draft
from reconciler.decide.network import services, wanted
from reconciler.model.action import Publish, StopPod
from reconciler.model.meta import Key
from reconciler.model.plan import Plan
from tests.decide.builders import WEB, bare_pod, deployment, desired, fleet, service
from tests.decide.network.worlds import networked, running
from tests.laws.world import World

API = Key("Deployment", "default", "api")


def failing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, when: Any = lambda *_: True) -> None:
    """`name` does all that it does, and then raises where `when` says so."""
    whole = getattr(module, name)

    def broken(*args: Any, **named: Any) -> Any:
        found = whole(*args, **named)
        if when(*args):
            raise OverflowError("integer division result\ntoo large for a float")
        return found

    monkeypatch.setattr(module, name, broken)


def planned(world: World) -> Plan:
    return decide(world.desired, world.observe(), world.progress, world.now)


def test_one_workload_fails_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(desired(deployment(), deployment("api"), of=fleet()))
    world.run()
    world.commit(desired(deployment(image="web:v2"), deployment("api", "api:v2"), bare_pod(), of=fleet()))
    before = world.progress.rollouts[WEB]
    failing(monkeypatch, room, "plan_workload", lambda turn, key, workload: key == WEB)
    plan = planned(world)
    assert {s.action.owner for s in plan.steps} == {API, Key("Pod", "default", "job")}
    assert [s.number for s in plan.steps] == list(range(1, len(plan.steps) + 1))
    verdict = plan.verdicts[WEB]
    assert (verdict.standing, verdict.total) == ("failed", 3)
    assert verdict.message == (
        "internal error: OverflowError: integer division result\\ntoo large for a float; "
        "this is a bug, please report it"
    )
    assert plan.progress.rollouts[WEB] is before, "what is remembered of it stays"
    assert f"Deployment default/web: {verdict.message}" in plan.notes
    ((about, error),) = plan.bugs
    assert (about, type(error)) == (str(WEB), OverflowError)
    assert plan.standing == "progressing"
    monkeypatch.undo()
    assert world.run().standing == "converged", "and it is planned again as soon as that can be"


def test_a_node_that_was_to_be_prepared_for_it_is_prepared_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Steps that were taken back are nothing to wait for."""
    world = World(desired(deployment(), deployment("zoo"), of=fleet("pi-1")))
    failing(monkeypatch, room, "plan_workload", lambda turn, key, workload: key == WEB)
    plan = planned(world)
    assert "prepare pi-1" in str(plan.steps[0])
    assert all(s.after == (1,) for s in plan.steps[1:])
    assert len(plan.steps) == 4


def test_what_nobody_wants_goes_though_one_of_it_cannot_be_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    pruning = import_module("reconciler.decide.prune")  # the room has a function of this name
    world = World(desired(deployment(), deployment("api"), bare_pod(), of=fleet()))
    world.run()
    world.commit(desired(bare_pod(), of=fleet()))
    failing(monkeypatch, pruning, "_remove", lambda turn, owner: owner == WEB)
    plan = planned(world)
    assert {s.action.owner for s in plan.steps} == {API}
    assert [bug.about for bug in plan.bugs] == [str(WEB)]


def test_one_service_stays_as_it_was_and_the_others_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    both = (service("web"), service("api"))
    world = running(deployment(), deployment("api"), services=both)
    world.commit(
        desired(
            deployment(replicas=4),
            deployment("api", replicas=4),
            of=networked(),
            services=(*both, service("new")),
        )
    )
    world.turn()
    settled = world.settled
    failing(monkeypatch, services, "_made", lambda fresh, *_: fresh.service.metadata.name == "web")
    plan = decide(world.desired, world.observe(), world.progress, world.now, settled)
    told = next(s.action.traffic for s in plan.steps if isinstance(s.action, Publish))
    assert {s.name for s in told.services} >= {"api", "new"}
    assert "Service default/web" in [bug.about for bug in plan.bugs]
    assert all(v.standing != "failed" for v in plan.verdicts.values())


def test_where_the_network_cannot_be_planned_no_pod_ends_that_a_proxy_may_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = running(deployment(), services=(service("web"),))
    world.commit(desired(deployment(image="web:v2"), of=networked(), services=(service("web"),)))
    failing(monkeypatch, wanted, "allocate")
    for _ in range(3):
        plan = decide(world.desired, world.observe(), world.progress, world.now, world.settled)
        world.progress, world.settled = plan.progress, plan.settled
        assert not [s for s in plan.steps if isinstance(s.action, StopPod | Publish)]
        assert [bug.about for bug in plan.bugs] == ["the network"], "said in every pass"
        world.act(plan)
        world.now += 60
    monkeypatch.undo()
    assert world.run().standing == "converged"


def test_what_waits_for_a_step_that_is_taken_out_goes_with_it() -> None:
    world = World(desired(deployment(), of=fleet()))
    world.run()
    world.commit(desired(deployment(replicas=0), bare_pod(), of=fleet()))
    draft = Draft()
    steps = world.decide().steps
    stop, start = steps[0].action, steps[-1].action
    assert isinstance(stop, StopPod)
    for action, after in ((start, ()), (stop, (1,)), (start, (2,)), (start, (1,))):
        draft.act(action, after)
    draft.without(StopPod)
    assert [(s.number, s.after) for s in draft.steps] == [(1, ()), (2, (1,))]
