"""Which node is told what and when, and what waits for it. Golden texts: what people read."""

from __future__ import annotations

import msgspec
import pytest

from reconciler.engine.simulation.forecast import forecast
from reconciler.model.action import Publish, StopPod
from reconciler.model.observed import ContainerState, NodeState, Observed, PodState
from reconciler.model.plan import Step
from tests.decide.builders import bare_pod, deployment, desired, fleet, service
from tests.decide.network.worlds import networked, routed, running, step_texts, told
from tests.laws.world import World

OF = networked("pi-1", "pi-2")
OLD, NEW = "web-bab6b4aa03", "web-b381014e7e"

ROLL = f"""\
revision c0ffee0 Update the fleet
now:
  #1 start {NEW}-0@pi-2: image changed web:v1 -> web:v2
then, once what was started is ready:
  #1-#2 publish pi-1, pi-2: web: +{NEW}-0, -{OLD}-0 (image changed web:v1 -> web:v2)
  #3 stop {OLD}-0@pi-1 after #1, #2: image changed web:v1 -> web:v2
then, as those go:
  #1-#2 publish pi-1, pi-2: web: {OLD}-0 is gone
in the end: converged; pods: 1 start, 1 stop"""


def roll(world: World, image: str = "web:v2", replicas: int = 1) -> None:
    """The next version is wanted, and its first pod is ready."""
    of = world.desired.fleet
    services = tuple(world.desired.services.values())
    world.commit(desired(deployment(image=image, replicas=replicas), of=of, services=services))
    world.turn()
    world.now += 1


def stops(world: World) -> list[Step]:
    return [s for s in world.decide().steps if isinstance(s.action, StopPod)]


def test_the_course_of_a_rolling_update() -> None:
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    wanted = desired(deployment(image="web:v2", replicas=1), of=OF, services=(service(),))
    assert str(forecast(wanted, world.observe(), world.progress, world.now)) == ROLL


def test_a_new_fleet_gets_its_networks_then_its_pods_then_its_services() -> None:
    world = World(desired(deployment(replicas=1), of=OF, services=(service(),)))
    plans = [str(world.turn()).splitlines() for _ in range(3)]
    assert plans[0][:3] == [
        "#1 prepare pi-1 (pods 10.42.116.0/24): it joins the fleet",
        f"#2 start {OLD}-0@pi-1 after #1: web wants 1 and has 0",
        "#3 prepare pi-2 (pods 10.42.38.0/24): it joins the fleet",
    ]
    assert plans[1] == [
        "#1 publish pi-1: it is told everything: 1 service, 1 name",
        "#2 publish pi-2: it is told everything: 1 service, 1 name",
    ]
    assert plans[2] == ["nothing to do"]


def test_a_node_takes_part_without_any_pod() -> None:
    world = running(deployment(replicas=1), of=OF, services=(service(),))
    assert routed(world, "web", "pi-2") == routed(world, "web", "pi-1")
    assert told(world).services is told(world, "pi-2").services, "told from one value"


def test_without_a_network_nothing_of_it_is_planned() -> None:
    world = World(desired(deployment(), of=fleet(), services=(service(),)))
    world.run()
    assert not any(isinstance(action, Publish) for action in world.fleet.log)
    assert {m.data_plane for m in world.fleet.machines.values()} == {""}


def test_a_stop_says_what_it_drains_and_for_how_long() -> None:
    patient = {"metadata": {"annotations": {"reconciler.io/drain-seconds": "12.5"}}}
    whole = deployment(replicas=1)
    template = msgspec.structs.replace(
        whole.spec.template,
        metadata=msgspec.structs.replace(
            whole.spec.template.metadata, annotations=patient["metadata"]["annotations"]
        ),
    )
    patient_web = msgspec.structs.replace(whole, spec=msgspec.structs.replace(whole.spec, template=template))
    for workload, drain in ((whole, 5.0), (patient_web, 12.5)):
        world = running(workload, of=OF, services=(service(),))
        ip = routed(world, "web").ports[0].endpoints[0].ip
        roll(world)
        (stop,) = stops(world)
        assert isinstance(stop.action, StopPod)
        assert (stop.action.ip, stop.action.drain) == (ip, drain)
        assert stop.after == (1, 2)


def test_a_pod_that_is_in_no_service_waits_for_nothing() -> None:
    world = running(deployment(replicas=1), of=OF)
    roll(world)
    (stop,) = stops(world)
    assert isinstance(stop.action, StopPod)
    assert (stop.after, stop.action.ip, stop.action.drain) == ((), "", 0.0)


def test_a_pod_that_does_not_run_waits_for_nothing() -> None:
    """Nobody gets an answer from it anyway."""
    world = running(bare_pod("web", container={}), of=OF, services=(service(),))
    pod = next(iter(world.observe().pods()))
    world.fleet.kill_container(pod.node, pod.key, "app", world.now)
    world.commit(desired(bare_pod("web", "job:v2"), of=OF, services=(service(),)))
    (stop,) = stops(world)
    assert stop.after == ()


@pytest.mark.parametrize(
    ("state", "because"),
    [("", "its node container is missing"), ("stopped", "its node container has stopped")],
)
def test_a_node_container_is_made_anew(state: str, because: str) -> None:
    world = running(of=OF, services=(service(),))
    world.fleet.set_data_plane("pi-2", state)  # type: ignore[arg-type]
    plan = world.decide()
    assert str(plan.steps[0]) == f"#1 prepare pi-2 (pods 10.42.38.0/24): {because}"
    assert plan.standing == "progressing"
    assert [s.after for s in plan.steps[1:]] == ([(1,)] if not state else [])
    assert world.run().standing == "converged"


def test_data_planes_are_upgraded_one_at_a_time() -> None:
    world = running(of=networked(), services=(service(),))
    for name in ("pi-1", "pi-2", "pi-3"):
        world.fleet.set_data_plane(name, "outdated")
    world.fleet.machines["pi-3"].traffic = None
    prepare = "(pods {}): its node container is of an older version"
    assert step_texts(world) == ["#1 publish pi-3: it is told everything: 1 service, 1 name"], (
        "first all have what they should"
    )
    world.turn()
    order = []
    while steps := world.turn().steps:
        order += [str(step) for step in steps]
    assert order == [
        f"#1 prepare pi-1 {prepare.format('10.42.116.0/24')}",
        f"#1 prepare pi-2 {prepare.format('10.42.38.0/24')}",
        f"#1 prepare pi-3 {prepare.format('10.42.35.0/24')}",
    ]


def test_a_data_plane_that_is_not_whole_is_told_all_anew() -> None:
    world = running(of=networked(), services=(service(),))
    for name in ("pi-1", "pi-2"):
        world.fleet.set_data_plane(name, "stale")
    anew = "it is told all anew: what it has is of an older version, or not whole"
    plan = world.decide()
    assert [str(step) for step in plan.steps] == [f"#1 publish pi-1: {anew}"]
    assert f"wait for node pi-2: {anew}; one node at a time" in str(plan)
    assert world.run().standing == "converged"


def test_a_network_that_is_switched_off_takes_its_node_containers_along() -> None:
    world = running(deployment(), of=networked(), services=(service(),))
    off = msgspec.structs.replace(networked().spec.network, enabled=False)
    fleet = networked()
    fleet = msgspec.structs.replace(fleet, spec=msgspec.structs.replace(fleet.spec, network=off))
    world.fleet.fleet = fleet
    world.commit(desired(deployment(), of=fleet))
    plan = world.decide()
    assert {str(step.action).partition(": ")[2] for step in plan.steps} == {
        "spec.network is switched off: its node container goes"
    }
    assert plan.standing == "progressing"
    assert world.run().standing == "converged"
    assert {machine.data_plane for machine in world.fleet.machines.values()} == {""}


def test_while_others_wait_for_their_upgrade_it_is_said() -> None:
    world = running(of=OF, services=(service(),))
    for name in ("pi-1", "pi-2"):
        world.fleet.set_data_plane(name, "outdated")
    plan = world.decide()
    assert plan.standing == "progressing"
    assert "wait for node pi-2: its node container is of an older version; one node at a time" in str(plan)


def test_complaints_of_a_data_plane_are_notes() -> None:
    world = running(of=OF, services=(service(),))
    observed = world.observe()
    sick = msgspec.structs.replace(observed.nodes["pi-1"], complaints=("port 80 is taken by nginx",))
    world.observe = lambda: observed.with_node(sick)  # type: ignore[method-assign]
    assert str(world.decide()) == "note: pi-1: port 80 is taken by nginx"


def test_a_long_change_is_cut_short() -> None:
    world = running(deployment(replicas=9), of=OF, services=(service(),))
    services = tuple(service(f"s{n}") for n in range(9))
    world.commit(
        desired(deployment(replicas=9), of=OF, services=(service(selector={"app": "no"}), *services))
    )
    because = world.decide().steps[0].action.because
    assert because.startswith("s0: it is new at 10.43.")
    assert because.endswith(" and 7 more")


def test_endpoints_that_come_all_at_once_are_counted() -> None:
    world = running(deployment(replicas=9), of=OF, services=(service(selector={"app": "no"}),))
    world.commit(desired(deployment(replicas=9), of=OF, services=(service(),)))
    because = world.decide().steps[0].action.because
    assert because == f"web: +{OLD}-0, +{OLD}-1, +{OLD}-2 and 6 more"


def unprobed(world: World) -> Observed:
    """As a reconciler sees it that has just come: it runs, and nobody has probed it."""

    def forgotten(pod: PodState) -> PodState:
        containers: tuple[ContainerState, ...] = tuple(
            msgspec.structs.replace(c, known=False, ready=False) for c in pod.containers
        )
        return msgspec.structs.replace(pod, containers=containers, ready=False)

    def forgetful(node: NodeState) -> NodeState:
        return msgspec.structs.replace(node, pods=tuple(map(forgotten, node.pods)))

    return Observed(forgetful(n) for n in world.observe().nodes.values())


def test_adoption_drains_nothing() -> None:
    world = running(deployment(replicas=4), of=OF, services=(service(),))
    seen = unprobed(world)
    world.observe = lambda: seen  # type: ignore[method-assign]
    world.restart(lost=True)
    assert not any(isinstance(s.action, Publish) for s in world.decide().steps)


def test_a_pod_that_nobody_has_probed_is_taken_in_once_it_is_ready() -> None:
    world = running(deployment(replicas=1), of=OF, services=(service(selector={"app": "no"}),))
    seen = unprobed(world)
    world.observe = lambda: seen  # type: ignore[method-assign]
    world.commit(desired(deployment(replicas=1), of=OF, services=(service(),)))
    assert not any(isinstance(s.action, Publish) for s in world.decide().steps)


def test_what_runs_on_a_node_that_nobody_has_looked_into_stays_in_rotation() -> None:
    """A new reconciler comes while pi-2 is cut off: pi-1 still reaches it, perhaps."""
    world = running(deployment(replicas=4), of=OF, services=(service(),))
    before = routed(world, "web")
    world.fleet.lose("pi-2", world.now)
    world.fleet.forget()
    world.restart(lost=True)
    assert not world.decide().steps
    world.now += 60
    texts = step_texts(world)
    assert len(texts) == 1
    assert all(f"-{e.name}" in texts[0] for e in before.ports[0].endpoints if e.node == "pi-2")
