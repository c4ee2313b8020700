"""Services that go by accident stay (law 5)."""

from __future__ import annotations

import msgspec
import pytest

from tests.decide.builders import deployment, desired, ingress, service
from tests.decide.network.worlds import names, networked, routed, running, step_texts, told
from tests.laws.world import World

OF = networked("pi-1", "pi-2")
DOOR = ingress(defaultBackend={"service": {"name": "web", "port": {"number": 80}}})


@pytest.fixture
def world() -> World:
    return running(deployment(replicas=2), of=OF, services=(service(),), ingresses=(DOOR,))


def test_what_no_manifest_wants_goes(world: World) -> None:
    world.commit(desired(deployment(replicas=2), of=OF))
    text = "#1 publish pi-1: web: it is no longer wanted; ingress: not on this node any more"
    assert step_texts(world)[0] == text
    world.run()
    assert told(world).services == told(world).names == ()


@pytest.mark.parametrize("how", ["incomplete", "empty", "disabled"])
def test_what_goes_by_accident_stays(world: World, how: str) -> None:
    before = told(world)
    of = networked("pi-1", "pi-2")
    if how == "disabled":
        of = msgspec.structs.replace(
            of,
            spec=msgspec.structs.replace(
                of.spec, prune=msgspec.structs.replace(of.spec.prune, enabled=False)
            ),
        )
    left = () if how == "empty" else (deployment(replicas=2),)
    world.commit(desired(*left, of=of, complete=how != "incomplete"))
    plan = world.run()
    assert plan.steps == ()
    assert told(world) == before
    assert any(n.startswith("not removed: Service default/web; ") for n in plan.notes)
    assert plan.standing == ("converged" if how == "disabled" else "blocked")


def test_pods_of_a_service_that_is_held_are_drained_all_the_same(world: World) -> None:
    world.commit(desired(deployment(replicas=1), of=OF, complete=False))
    texts = step_texts(world)
    assert texts[0].startswith("#1 publish pi-1: web: -web-")
    assert " after #1, #2: web wants 1" in texts[2]
    world.run()
    assert len(routed(world, "web").ports[0].endpoints) == 1
    assert "web.default" in names(world)


def test_names_that_are_wanted_say_for_themselves_what_they_are() -> None:
    """A headless service that has lost its pods has no name, also while others are held."""
    world = running(deployment(replicas=1), of=OF, services=(service(clusterIP="None"), service("api")))
    lost = service(clusterIP="None", selector={"app": "no"})
    world.commit(desired(deployment(replicas=1), of=OF, services=(lost,), complete=False))
    world.run()
    assert list(names(world)) == ["api.default"]


def test_what_is_held_gives_way_to_what_is_asked_for(world: World) -> None:
    ip = routed(world, "web").ip
    world.commit(
        desired(deployment(replicas=2), of=OF, complete=False, services=(service("api", clusterIP=ip),))
    )
    world.run()
    assert (routed(world, "api").ip, routed(world, "web").ip) == (ip, "")
