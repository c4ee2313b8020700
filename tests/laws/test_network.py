"""The laws with a network: law 9 above all; `World.act` checks it at every effect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.engine.simulation.simulated_pod import Behaviour
from reconciler.model.desired import Desired
from reconciler.model.traffic import NodeTraffic
from tests.decide.builders import deployment, desired, fleet, service
from tests.laws.happen import assert_as_wanted, assert_rests, lived, truth
from tests.laws.processes import said_in_processes
from tests.laws.strategies import fleets, network_events
from tests.laws.test_laws import law, paces
from tests.laws.world import World, endpoints


@law
@given(data=st.data(), pace=paces, course=network_events)
def test_whatever_happens_no_proxy_has_a_pod_that_ends_and_in_the_end_all_is_told(
    data: st.DataObject, pace: Behaviour, course: list[tuple[str, int]]
) -> None:
    """Laws 1 to 4, 6, 9, 10."""
    world = lived(data, data.draw(fleets(network=True)), pace, course)
    assert_told(world)
    assert_rests(world)


def assert_told(world: World) -> None:
    """Every node has a data plane that balances to exactly the pods that are ready."""
    traffics = [traffic_of(world, name) for name in world.fleet.machines]
    pods = {(p.record.name, p.record.ip): p for p in truth(world)}
    for traffic in traffics:
        assert all(pods[e.name, e.ip].ready and e.state == "ready" for e in endpoints(traffic))
        assert [s.name for s in traffic.services] == sorted(
            key.name for key, s in world.desired.services.items() if not s.headless or led(traffic, key.name)
        )
        assert len({s.ip for s in traffic.services if s.ip}) == len([s for s in traffic.services if s.ip])
        assert [s.ports for s in traffic.services] == [s.ports for s in traffics[0].services]
        assert len(traffic.overlay.peers) == len(traffics) - 1
    for key, wanted in world.desired.services.items():
        mine = [p for p in pods.values() if p.record.labels.get("app") == key.name]
        for routed in (s for s in traffics[0].services if s.name == key.name):
            assert len(routed.ports[0].endpoints) == len(mine), wanted


def led(traffic: NodeTraffic, name: str) -> bool:
    return traffic.ingress is not None and any(r.service == name for r in traffic.ingress.routes)


def traffic_of(world: World, name: str) -> NodeTraffic:
    machine = world.fleet.machines[name]
    assert machine.data_plane == "running"
    assert machine.traffic is not None
    return machine.traffic


@law
@given(
    replicas=st.integers(1, 4),
    surge=st.sampled_from(
        [{"maxSurge": 1}, {"maxSurge": 0}, {"maxSurge": "100%"}, {"maxUnavailable": "100%"}]
    ),
    pace=paces,
    dies=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 6), st.booleans()), max_size=8),
)
def test_a_rollout_that_dies_anywhere_loses_no_request(
    replicas: int,
    surge: dict[str, object],
    pace: Behaviour,
    dies: list[tuple[int, int, bool]],
) -> None:
    """Law 4 with law 9: the next reconciler knows from the nodes alone what was told to whom."""
    of = fleet(network={"enabled": True})

    def revision(image: str) -> Desired:
        strategy = {"rollingUpdate": surge}
        web = deployment(image=image, replicas=replicas, strategy=strategy)
        return desired(web, of=of, services=(service(),))

    world = World(revision("app:v1"), pace)
    assert world.run().standing == "converged"
    ip = traffic_of(world, "pi-1").services[0].ip
    world.commit(revision("app:v2"))
    for later, effects, lost in dies:
        world.turn(at_most=effects)
        world.restart(lost=lost)
        world.now += later
    assert world.run().standing == "converged"
    assert_as_wanted(world)
    assert_told(world)
    assert traffic_of(world, "pi-1").services[0].ip == ip
    assert_rests(world)


ROLL = """
from tests.decide.builders import deployment, desired, fleet, service
from tests.laws.world import World
of = fleet(network={"enabled": True})
services = tuple(service(n, type="NodePort") for n in ("web", "api", "db"))
def revision(image):
    return desired(deployment(image=image), deployment("api", image, 5), of=of, services=services)
world = World(revision("web:v1"))
texts = []
for image in ("web:v1", "web:v2"):
    world.commit(revision(image))
    for _ in range(8):
        texts.append(str(world.turn()))
        world.now += 1
print("\\n".join(texts), world.fleet.machines["pi-1"].traffic)
"""


@pytest.mark.programs
def test_the_same_text_in_every_process() -> None:
    """Law 2: whatever order Python gives its sets and hashes."""
    (text,) = said_in_processes(ROLL)
    assert "publish pi-1: " in text


names = st.text("abcdefgh", min_size=1, max_size=2)


@law
@given(first=st.sets(names, max_size=40), others=st.lists(st.sets(names, max_size=40), max_size=4))
def test_a_service_keeps_its_address_whatever_comes_and_goes(first: set[str], others: list[set[str]]) -> None:
    """In a range so small that hashes collide all the time."""
    of = fleet("pi-1", network={"enabled": True, "serviceCIDR": "10.43.0.0/25"})

    def revision(wanted: set[str]) -> Desired:
        services = tuple(service(f"s{n}", type="NodePort") for n in wanted)
        return desired(deployment(replicas=1), of=of, services=services)

    world = World(revision(first))
    world.run()
    for wanted in others:
        before = {s.name: (s.ip, s.ports[0].node_port) for s in traffic_of(world, "pi-1").services}
        world.commit(revision(wanted))
        world.run()
        after = {s.name: (s.ip, s.ports[0].node_port) for s in traffic_of(world, "pi-1").services}
        assert all(after[name] == before[name] for name in before.keys() & after.keys())
        assert len({ip for ip, _ in after.values()}) == len({p for _, p in after.values()}) == len(after)
        reserved = {f"10.43.0.{n}" for n in range(16)} | {"10.43.0.127"}
        assert reserved.isdisjoint(ip for ip, _ in after.values())
