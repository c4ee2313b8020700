"""Pods that no manifest wants: removed, or held back and said (law 5)."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.decide import decide
from reconciler.decide.diff import summary
from reconciler.decide.version import wanted_version
from reconciler.model.desired import Desired
from reconciler.model.plan import Plan, Standing
from tests.decide.builders import WEB, deployment, desired, fleet
from tests.laws.world import World


@pytest.fixture
def world() -> World:
    """Two Deployments, running."""
    made = World(desired(deployment(), deployment("api")))
    made.run()
    return made


def plan(world: World, wanted: Desired) -> Plan:
    return decide(wanted, world.observe(), world.progress, world.now)


def test_what_no_manifest_wants_is_stopped_with_the_reason(world: World) -> None:
    told = plan(world, desired(deployment("api")))
    assert len(told.steps) == 3
    assert all("wants Deployment default/web" in str(step) for step in told.steps)
    assert told.standing == "progressing"


def test_an_empty_source_removes_nothing_and_is_not_success(world: World) -> None:
    told = plan(world, desired())
    assert told.steps == ()
    assert told.standing == "blocked"
    assert "looks like an accident" in told.notes[0]


def test_an_empty_source_that_is_allowed_removes_everything(world: World) -> None:
    told = plan(world, desired(of=fleet(prune={"allowEmpty": True})))
    assert len(told.steps) == 6


def test_a_source_that_was_not_read_in_full_removes_nothing(world: World) -> None:
    told = plan(world, msgspec.structs.replace(desired(deployment("api")), complete=False))
    assert (told.steps, told.standing) == ((), "blocked")


@pytest.mark.parametrize(("enabled", "standing"), [(False, "converged"), (True, "progressing")])
def test_pruning_can_be_turned_off(world: World, enabled: bool, standing: Standing) -> None:
    wanted = desired(deployment("api"), of=fleet(prune={"enabled": enabled}))
    assert plan(world, wanted).standing == standing


def test_images_of_one_place_are_told_without_it() -> None:
    here = World(desired(deployment(image="registry.example:5000/team/web:v1")))
    here.run()
    record = next(iter(here.observe().by_owner[WEB])).record
    same = desired(deployment(image="registry.example:5000/team/web:v2"))
    assert summary(record, wanted_version(same, WEB)) == "image changed web:v1 -> web:v2"
    other = desired(deployment(image="elsewhere.example/web:v2"))
    told = summary(record, wanted_version(other, WEB))
    assert told == "image changed registry.example:5000/team/web:v1 -> elsewhere.example/web:v2"
