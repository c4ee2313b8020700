"""Two Rollouts whose pods one Service's selector matches."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.model.desired import Desired
from reconciler.model.traffic import RoutedService
from tests.decide.builders import desired, rollout, service
from tests.decide.delivery.course import fleet_of
from tests.laws.world import World

GREEN = {"blueGreen": {"activeService": "web", "autoPromotionEnabled": False}}
CANARY = {"canary": {"steps": [{"setWeight": 25}, {"pause": {}}]}}


def both(other: str, green: str, canary: str) -> Desired:
    """A blue-green `web`, and a canary of the name `other` whose pods have its labels, too."""
    beside = rollout(CANARY, name=other, image=f"other:{canary}")
    template = beside.spec.template
    labels = {"app": "web", "part": other}
    spec = msgspec.structs.replace(
        beside.spec,
        template=msgspec.structs.replace(
            template, metadata=msgspec.structs.replace(template.metadata, labels=labels)
        ),
        selector=msgspec.structs.replace(beside.spec.selector, match_labels={"part": other}),
    )
    return desired(
        rollout(GREEN, image=f"web:{green}"),
        msgspec.structs.replace(beside, spec=spec),
        of=fleet_of(),
        services=(service("web"),),
    )


def settled(world: World) -> RoutedService:
    for _ in range(60):
        world.turn()
        world.now += 0.5
    traffic = world.fleet.machines["pi-1"].traffic
    assert traffic is not None
    return next(s for s in traffic.services if s.name == "web")


@pytest.mark.parametrize("other", ["api", "zoo"])
def test_a_canary_beside_it_takes_no_active_service_from_a_blue_green(other: str) -> None:
    world = World(both(other, "v1", "v1"))
    world.run()
    first = {e.name for e in settled(world).ports[0].endpoints}
    for green, canary in (("v2", "v1"), ("v2", "v2")):
        world.commit(both(other, green, canary))
        found = settled(world)
        live = {e.name for e in found.ports[0].endpoints if e.slot == found.live and e.weight}
        assert found.live
        assert live == first, "the new version waits to be promoted"
