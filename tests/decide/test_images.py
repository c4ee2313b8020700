"""Images go when a disk fills up: as many as it takes, the longest unused first, none that is needed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.model.action import RemoveImages
from reconciler.model.observed import HeldImage
from tests.decide.builders import WEB, bare_pod, deployment, desired, fleet
from tests.laws.world import START, World

GIB = 2**30
OLD = START - 10_000


def image(name: str, used_at: float = OLD, size: int = GIB, pulled_at: float = OLD) -> HeldImage:
    return HeldImage(name=name, pulled_at=pulled_at, used_at=used_at, size=size)


def full(world: World, *images: HeldImage, free: int = 10 * GIB, size: int = 100 * GIB) -> None:
    machine = world.fleet.machines["pi-1"]
    machine.facts = msgspec.structs.replace(machine.facts, disk_free=free, disk_size=size)
    machine.images, machine.stale = images, True


def settled(*workloads: Any, **images: Any) -> World:
    world = World(desired(*workloads or (deployment(),), of=fleet("pi-1", "pi-2", images=images)))
    assert world.run().standing == "converged"
    return world


def removed(world: World) -> list[str]:
    return [n for s in world.decide().steps if isinstance(s.action, RemoveImages) for n in s.action.images]


def test_the_longest_unused_go_until_there_is_room() -> None:
    world = settled()
    full(world, image("b:1", OLD + 1, 4 * GIB), image("a:1", OLD + 2, 4 * GIB), image("c:1", OLD, 8 * GIB))
    (step,) = world.decide().steps
    assert str(step) == (
        "#1 remove c:1, b:1 from pi-1: its disk is 90 % full (gcHighThresholdPercent is 85), "
        "and nothing needs them"
    )
    assert world.run().standing == "converged"
    assert [i.name for i in world.fleet.machines["pi-1"].images] == ["a:1"]


@pytest.mark.parametrize(
    ("free", "images", "goes"),
    [
        (16 * GIB, {}, []),
        (15 * GIB, {}, ["a:1"]),
        (1 * GIB, {"gcHighThresholdPercent": 100}, []),
        (40 * GIB, {"gcHighThresholdPercent": 50, "gcLowThresholdPercent": 40}, ["a:1"]),
        (10 * GIB, {"minimumGCAge": "24h"}, []),
    ],
)
def test_the_thresholds_are_the_fleets(free: int, images: dict[str, Any], goes: list[str]) -> None:
    world = settled(**images)
    full(world, image("a:1"), free=free)
    assert removed(world) == goes


def test_a_disk_of_which_nothing_is_known_is_left_alone() -> None:
    world = settled()
    full(world, image("a:1"), size=0)
    assert removed(world) == []


def test_what_runs_and_what_a_rollback_needs_stays() -> None:
    world = settled(deployment(revisionHistoryLimit=1))
    for version in ("v2", "v3"):
        world.commit(
            desired(deployment(image=f"web:{version}", revisionHistoryLimit=1), of=world.desired.fleet)
        )
        world.run()
    assert [p.images for p in world.progress.rollouts[WEB].history] == [("web:v2",), ("web:v3",)]
    full(world, image("web:v1"), image("web:v2"), image("web:v3"))
    assert removed(world) == ["web:v1"]


def test_a_bare_pod_is_not_rolled_back() -> None:
    world = settled(bare_pod(image="job:v1"))
    world.commit(desired(bare_pod(image="job:v2"), of=world.desired.fleet))
    world.run()
    full(world, image("job:v1"), image("job:v2"))
    assert removed(world) == ["job:v1"]


def test_where_all_are_needed_that_is_said() -> None:
    world = settled()
    full(world, image("web:v1"))
    plan = world.decide()
    assert not plan.steps
    assert "the disk of pi-1 is 90 % full, and every image of ours is needed" in plan.notes


def test_progress_of_an_earlier_version_learns_what_runs() -> None:
    world = settled()
    state = world.progress.rollouts[WEB]
    bare = tuple(msgspec.structs.replace(past, images=()) for past in state.history)
    rollouts = {WEB: msgspec.structs.replace(state, history=bare)}
    world.progress = msgspec.structs.replace(world.progress, rollouts=rollouts)
    world.settled = None
    assert world.run().progress.rollouts[WEB].history[-1].images == ("web:v1",)


@pytest.mark.parametrize(
    "held",
    [
        ("docker.io/library/web:v1",),
        ("index.docker.io/web:v1", "web:v1"),
    ],
)
def test_a_name_counts_however_it_is_spelled(held: tuple[str, ...]) -> None:
    """To an Engine it is the same image, and goes by any of its names."""
    world = settled()
    full(world, *map(image, held))
    assert removed(world) == []


def test_what_has_the_contents_of_a_needed_image_stays() -> None:
    """An Engine that removes a tag removes the digest of that repository as well, and both have one image."""
    digest = f"web@sha256:{'ab' * 32}"
    world = settled(deployment(image=digest))
    same = [msgspec.structs.replace(image(name), id="sha256:1") for name in (digest, "web:v1")]
    full(world, *same, msgspec.structs.replace(image("web:v0"), id="sha256:2"))
    assert removed(world) == ["web:v0"]


@pytest.mark.parametrize("limit", [0, 1])
def test_what_a_failure_falls_back_to_stays_whatever_the_history_limit(limit: int) -> None:
    """Also where no pod of it is left: two versions that fail come after it."""
    at_once = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 0}}
    world = settled(deployment(revisionHistoryLimit=limit))
    for version in ("v2", "v3"):
        failing = deployment(image=f"web:{version}", revisionHistoryLimit=limit, strategy=at_once)
        world.commit(desired(failing, of=world.desired.fleet))
        while any("web:v1" in str(pod.record.spec) for pod in world.observe().pods()):
            world.turn()
        world.now += 0.1
    full(world, image("web:v1"))
    assert removed(world) == []
