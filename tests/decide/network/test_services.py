"""Services, their addresses and endpoints, and the names that lead to them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from reconciler.decide.network.route import is_http
from reconciler.model.kinds import Addresses
from reconciler.model.service import Endpoints, EndpointSlice, ServicePort
from tests.decide.builders import bare_pod, deployment, desired, fleet, service
from tests.decide.network.worlds import names, networked, routed, running, step_texts, told
from tests.laws.world import World

OF = networked("pi-1", "pi-2")
META = {"name": "db", "namespace": "default"}


def endpoints(**subset: Any) -> Addresses:
    whole = {"apiVersion": "v1", "kind": "Endpoints", "metadata": META, "subsets": [subset]}
    return msgspec.convert(whole, Endpoints)


def ends(world: World, name: str, port: int = 0) -> list[str]:
    return [f"{e.ip}:{e.port}" for e in routed(world, name).ports[port].endpoints]


def test_an_address_is_that_of_the_name_for_ever() -> None:
    first = routed(running(services=(service(),), of=OF), "web").ip
    second = running(services=(service("api"), service(), service("zoo")), of=networked())
    assert first == routed(second, "web").ip == "10.43.155.57"
    assert told(second).dns == "10.43.0.10"


def test_an_address_that_is_asked_for_is_given_and_taken_from_nobody_else() -> None:
    world = running(services=(service(),), of=OF)
    ip = routed(world, "web").ip
    wanted = (service(), service("api", clusterIP=ip), service("db", clusterIP="10.43.0.3"))
    world.commit(desired(deployment(), of=OF, services=wanted))
    world.run()
    assert routed(world, "api").ip == ip
    assert routed(world, "db").ip == "10.43.0.3"
    assert routed(world, "web").ip not in (ip, "")


def test_a_range_that_is_full_is_said() -> None:
    of = networked("pi-1", serviceCIDR="10.43.0.0/28")
    world = World(desired(deployment(), of=of, services=tuple(service(f"s{n:02}") for n in range(14))))
    world.run()
    assert len({s.ip for s in told(world).services}) == 13
    assert "note: Service default/s13: spec.network.serviceCIDR 10.43.0.0/28 has no address left" in str(
        world.plan
    )
    assert world.plan.standing == "converged"


def test_node_ports_are_given_kept_or_found() -> None:
    given = service("given", {"port": 80, "nodePort": 30123}, type="NodePort")
    free = service("free", {"port": 53, "protocol": "UDP"}, {"port": 53, "name": "tcp"}, type="NodePort")
    inside = service("inside", type="LoadBalancer", allocateLoadBalancerNodePorts=False)
    world = running(services=(given, free, inside), of=OF)
    assert routed(world, "given").ports[0].node_port == 30123
    numbers = [p.node_port for p in routed(world, "free").ports]
    assert numbers[0] == numbers[1] in range(30000, 32768), "one number for both protocols"
    assert routed(world, "inside").ports[0].node_port == 0
    thief = service("given", {"port": 80, "nodePort": numbers[1]}, type="NodePort")
    world.commit(desired(deployment(), of=OF, services=(thief, free, inside)))
    world.run()
    moved = [p.node_port for p in routed(world, "free").ports]
    assert moved[0] == numbers[0], "UDP's is still its own"
    assert moved[1] != numbers[1]


@pytest.mark.parametrize(
    ("target", "port"), [(None, 80), (8080, 8080), ("http", 8000), ("8001", 8001), ("dns", None)]
)
def test_target_ports(target: int | str | None, port: int | None) -> None:
    ports = [{"containerPort": 8000, "name": "http"}, {"containerPort": 53, "name": "dns", "protocol": "UDP"}]
    web = deployment(replicas=1, container={"ports": ports})
    world = running(web, services=(service("web", {"port": 80, "targetPort": target}),), of=OF)
    assert [e.port for e in routed(world, "web").ports[0].endpoints] == ([port] if port else [])


@pytest.mark.parametrize(
    ("port", "http"),
    [
        ({"port": 1234, "appProtocol": "http"}, True),
        ({"port": 1234, "appProtocol": "kubernetes.io/ws"}, True),
        ({"port": 80, "name": "http", "appProtocol": "tcp"}, False),
        ({"port": 1234, "name": "http"}, True),
        ({"port": 1234, "name": "web-ui"}, True),
        ({"port": 80, "name": "webhook"}, False),
        ({"port": 80, "name": "mqtt"}, False),
        ({"port": 80}, True),
        ({"port": 5000, "targetPort": 8080}, True),
        ({"port": 5432}, False),
        ({"port": 80, "protocol": "UDP"}, False),
    ],
)
def test_where_http_is_looked_for(port: dict[str, Any], http: bool) -> None:
    assert is_http(msgspec.convert(port, ServicePort)) is http


def test_settings_are_passed_on() -> None:
    wanted = service(
        type="LoadBalancer",
        sessionAffinity="ClientIP",
        externalTrafficPolicy="Local",
        internalTrafficPolicy="Local",
        loadBalancerSourceRanges=["10.1.2.0/16\n", " 10.0.0.0/16"],
        annotations={"reconciler.io/proxy-protocol": "v2"},
    )
    found = routed(running(services=(wanted,), of=OF), "web")
    assert (found.affinity_seconds, found.external_local, found.internal_local) == (10800, True, True)
    assert found.source_ranges == ("10.0.0.0/16", "10.1.0.0/16")
    assert found.proxy_protocol == "v2"


def test_a_load_balancer_is_on_every_node_or_where_its_address_is() -> None:
    of = networked({"name": "pi-1", "internalIP": "10.0.0.1"}, {"name": "pi-2", "internalIP": "10.0.0.2"})
    everywhere = service("all", type="LoadBalancer")
    there = service("one", type="LoadBalancer", loadBalancerIP="10.0.0.2")
    world = running(
        services=(everywhere, there, service("ext", externalIPs=["10.0.0.1", "198.51.100.7"])), of=of
    )
    found = {n: {s.name: s.addresses for s in told(world, n).services} for n in ("pi-1", "pi-2")}
    assert found == {
        "pi-1": {"all": ("10.0.0.1",), "one": (), "ext": ("10.0.0.1",)},
        "pi-2": {"all": ("10.0.0.2",), "one": ("10.0.0.2",), "ext": ()},
    }
    assert "note: Service default/ext: no node has its address 198.51.100.7" in str(world.plan)


def test_the_nodes_address_is_the_inventorys_its_own_or_the_one_we_log_in_at() -> None:
    of = networked(
        {"name": "a", "internalIP": "10.0.0.1"},
        {"name": "b"},
        {"name": "c", "address": "ssh://pi@10.0.0.3:22"},
    )
    world = running(of=of)
    for machine in world.fleet.machines.values():
        machine.facts = msgspec.structs.replace(machine.facts, internal_ip="", addresses=())
        machine.stale = True
    texts = step_texts(world)
    assert texts[0] == "#1 publish a: peers: +10.0.0.3", "b can't tell: what was known stays"
    world.run()
    assert told(world, "c").overlay.address == "10.0.0.3"
    assert told(world, "c").overlay.peers == ("10.0.0.1", "198.18.0.2")


def test_a_node_alone_has_no_peers() -> None:
    assert told(running(of=networked("pi-1"))).overlay.peers == ()


def test_a_new_node_becomes_everybodys_peer() -> None:
    world = running(of=networked("pi-1"))
    world.commit(desired(deployment(), of=networked("pi-1", "pi-2")))
    seen = world.observe()
    world.fleet = type(world.fleet).from_observed(world.desired.fleet, seen, world.now)
    world.fleet.heal("pi-2")
    world.run()
    assert told(world).overlay.peers == ("198.18.0.2",)
    assert told(world, "pi-2").overlay.peers == ("198.18.0.1",)


def test_unready_pods_are_no_endpoints_unless_that_is_wanted() -> None:
    of = OF
    world = World(
        desired(
            deployment(image="slow", replicas=2),
            of=of,
            services=(service(), service("all", publishNotReadyAddresses=True, selector={"app": "web"})),
        )
    )
    world.fleet.behaviour = msgspec.structs.replace(world.fleet.behaviour, never_ready=frozenset({"slow"}))
    for _ in range(3):
        world.turn()
    assert ends(world, "web") == []
    assert len(ends(world, "all")) == 2


def test_a_pod_that_is_ready_no_more_keeps_what_is_open_to_it() -> None:
    world = running(services=(service(),), of=OF)
    pod = next(iter(world.observe().pods()))
    container = world.fleet.machines[pod.node].pods[pod.key].containers[0]
    container.ready_at = None
    world.fleet.machines[pod.node].stale = True
    world.turn()
    states = {e.name: e.state for e in routed(world, "web").ports[0].endpoints}
    assert states[pod.record.name] == "draining"
    world.fleet.kill_container(pod.node, pod.key, container.name, world.now)
    world.turn()
    assert pod.record.name not in {e.name for e in routed(world, "web").ports[0].endpoints}


def test_a_pod_on_the_hosts_network_is_reached_at_its_nodes_address() -> None:
    web = deployment(replicas=1, pod={"hostNetwork": True})
    world = running(web, services=(service(),), of=networked("pi-1"))
    assert ends(world, "web") == ["198.18.0.1:8080"]
    world.commit(desired(of=networked("pi-1"), services=(service(),)))
    (_, stop) = world.decide().steps if world.decide().steps else (None, None)
    assert stop is None, "an empty source removes nothing"


def test_pods_that_have_ended_are_no_endpoints() -> None:
    job = bare_pod("job", "job:v1", restartPolicy="Never")
    world = World(desired(job, of=OF, services=(service("job"),)))
    world.fleet.behaviour = msgspec.structs.replace(world.fleet.behaviour, completes={"job:v1": 5.0})
    world.run()
    world.turn()
    assert len(ends(world, "job")) == 1
    world.now += 6
    world.run()
    assert ends(world, "job") == []


def test_pods_on_a_lost_node_leave_the_others_do_not() -> None:
    world = running(deployment(replicas=4), services=(service(),), of=OF)
    world.fleet.lose("pi-2", world.now)
    world.now += 10
    assert step_texts(world) == [], "it is silent: as last seen"
    world.now += 40
    (text,) = step_texts(world)
    assert text.startswith("#1 publish pi-1: web: -web-")
    assert text.count("-web-") == 2


def test_addresses_by_hand() -> None:
    by_hand = endpoints(
        addresses=[{"ip": "10.9.0.2"}, {"ip": "10.9.0.1", "hostname": "one", "nodeName": "pi-1"}],
        notReadyAddresses=[{"ip": "10.9.0.3"}],
        ports=[{"port": 5432}],
    )
    world = running(services=(service("db", {"port": 5000}, selector=None),), addresses=(by_hand,), of=OF)
    assert ends(world, "db") == ["10.9.0.1:5432", "10.9.0.2:5432"]
    assert [e.name for e in routed(world, "db").ports[0].endpoints] == ["10-9-0-1", "10-9-0-2"]


def test_slices_by_hand() -> None:
    meta = META | {"labels": {"kubernetes.io/service-name": "db"}}
    by_hand = msgspec.convert(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": meta | {"name": "db-1"},
            "addressType": "IPv4",
            "ports": [{"name": "pg", "port": 5432}],
            "endpoints": [
                {"addresses": ["10.9.0.1"]},
                {"addresses": ["10.9.0.2"], "conditions": {"ready": False}},
                {
                    "addresses": ["10.9.0.3"],
                    "conditions": {"ready": False, "serving": True, "terminating": True},
                },
            ],
        },
        EndpointSlice,
    )
    wanted = service("db", {"port": 5000, "name": "pg"}, selector=None)
    found = routed(running(services=(wanted,), addresses=(by_hand,), of=OF), "db").ports[0].endpoints
    assert [(e.ip, e.state) for e in found] == [("10.9.0.1", "ready"), ("10.9.0.3", "draining")]


def test_names() -> None:
    pet = bare_pod("pet", hostname="zero", subdomain="pets")
    pets = service("pets", selector={"app": "pet"}, clusterIP="None")
    by_hand = endpoints(addresses=[{"ip": "10.9.0.1", "hostname": "one"}], ports=[{"port": 1}])
    db = service("db", selector=None, clusterIP="None")
    out = service("out", type="ExternalName", externalName="Shop.Example.")
    none = service("none", clusterIP="None")
    world = running(
        deployment(replicas=1), pet, services=(service(), pets, db, out, none), addresses=(by_hand,), of=OF
    )
    pod = next(p for p in world.observe().pods() if p.record.name == "pet").record.ip
    assert names(world) == {
        "web.default": (routed(world, "web").ip,),
        "pets.default": (pod,),
        "zero.pets.default": (pod,),
        "db.default": ("10.9.0.1",),
        "one.db.default": ("10.9.0.1",),
        "out.default": "shop.example",
    }
    assert [s.name for s in told(world).services] == ["web"], "nothing is balanced for names alone"


def test_a_change_of_names_is_told_in_words() -> None:
    pets = service("web", clusterIP="None")
    world = running(deployment(replicas=1), of=OF, services=(pets,))
    ip = next(iter(world.observe().pods())).record.ip
    out = service("out", type="ExternalName", externalName="shop.example")
    world.commit(desired(deployment(replicas=1), of=OF, services=(out,)))
    assert step_texts(world)[0] == f"#1 publish pi-1: out: it is shop.example; web: -{ip}"


def test_the_fleets_settings_reach_every_node() -> None:
    of = networked("pi-1", clusterDomain="home.arpa", vxlanPort=8472, mtu=1300, serviceCIDR="10.8.0.0/20")
    traffic = told(running(of=of, services=(service(),)))
    assert (traffic.domain, traffic.dns, traffic.service_range) == ("home.arpa", "10.8.0.10", "10.8.0.0/20")
    assert (traffic.overlay.vxlan_port, traffic.overlay.mtu) == (8472, 1300)
    assert traffic.names[0].name == "web.default.svc.home.arpa"
    assert traffic.services[0].ip.startswith("10.8.")


def test_when_two_nodes_know_different_addresses_most_of_them_are_right() -> None:
    world = running(services=(service(),), of=networked())
    ip = routed(world, "web").ip
    machine = world.fleet.machines["pi-1"]
    other = msgspec.structs.replace(told(world).services[0], ip="10.43.1.1")
    machine.traffic = msgspec.structs.replace(told(world), services=(other,))
    machine.stale = True
    world.restart(lost=True)
    assert step_texts(world) == [f"#1 publish pi-1: web: its address 10.43.1.1 -> {ip}"]


def test_fleets_of_tests_have_no_network_unless_they_say_so() -> None:
    assert not fleet().spec.network.enabled
